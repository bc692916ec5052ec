import assert from "node:assert/strict";
import { calibrationSize } from "../../../lib/studies/activation_aware_bitdelta/plan.ts";
import {
  calibrationSizeFindings,
  lowerOnPairs,
  pairFindings,
  wallClockFindings,
} from "../../../lib/studies/activation_aware_bitdelta/findings.ts";
import { gatherResults } from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import { sampleCalibrationRows, samplePublishedRows, sampleWallClockRows } from "./sample_rows.ts";
import { madeUpMeasurements, madeUpProtocol } from "./made_up_study.ts";

Deno.test("a sweep in words: how often each variant is lower, and what the text asks for", () => {
  // Of the sample's activation-aware rows, 8.7 + 3/size and 8.4 + 2/size, none is below 8.6 and 8.3.
  assert.equal(
    calibrationSizeFindings(sampleCalibrationRows()),
    "**sample base → sample fine-tune, code.** Activation-aware (study-faithful): perplexity is " +
      "lower than distillation's at 0 of 5 calibration sizes (8.706 to 8.794 against 8.600); its " +
      "KL from the fine-tune, in nats a token, is lower than distillation's at 0 of 5 calibration " +
      "sizes (0.02000 against 0.02000). Activation-aware (corrected): perplexity is lower than " +
      "distillation's at 0 of 5 calibration sizes (8.404 to 8.463 against 8.300); its KL from the " +
      "fine-tune, in nats a token, is lower than distillation's at 0 of 5 calibration sizes " +
      "(0.02000 against 0.02000). On this text the fine-tune is better than its base (perplexity " +
      "8.000 against 31.25): a lower perplexity and a smaller distance from the fine-tune ask for " +
      "the same.",
  );
});

Deno.test("published rows have neither variants nor KL nor a base", () => {
  // 2.48 + index / 1000 against 2.58.
  assert.equal(
    calibrationSizeFindings(samplePublishedRows()),
    "**7B → 7B-chat, code.** Activation-aware: perplexity is lower than distillation's at 5 of 5 " +
      "calibration sizes (2.480 to 2.484 against 2.580).",
  );
});

Deno.test("a fine-tune that is worse than its base turns the sentence round", () => {
  const rows = sampleCalibrationRows().map((row) =>
    row.method === "fine" ? { ...row, perplexity: 40 } : row
  );
  assert.match(
    calibrationSizeFindings(rows),
    /fine-tune is worse than its base \(perplexity 40\.00 against 31\.25\).*only the KL/,
  );
});

Deno.test("points below distillation are counted one by one, a tie is not below", () => {
  const rows = sampleCalibrationRows().map((row) =>
    row.method === "distilled" && row.variant === "corrected"
      // 8.4 + 2 / 128: the sizes 256 and 512 lie below it.
      ? { ...row, perplexity: 8.4 + 2 / 128 }
      : row
  );
  assert.match(calibrationSizeFindings(rows), /\(corrected\): perplexity is lower .* at 2 of 5/);
});

Deno.test("wall clocks in words: growth from the smallest batch to the largest that fits", () => {
  assert.equal(
    wallClockFindings(sampleWallClockRows()),
    "**sample base → sample fine-tune.** Distilled: 20.0 s at batch size 1, 8.0 times that at 8; " +
      "out of memory at 32. Activation-aware: 3.00 s at batch size 1, 1.0 times that at 32.",
  );
});

Deno.test("pairs in words: how many are lower", () => {
  const numbers = [[2, 1], [1, 2], [1, 1]]
    .map(([distilled, activationAware]) => ({ distilled, activationAware }));
  assert.equal(lowerOnPairs(numbers), "lower on 1 of 3 pairs");
});

Deno.test("pairs of a study in words, from its results", () => {
  const oneDomain = madeUpMeasurements().filter(({ task }) =>
    task.kind === "evaluation" && task.domain === "wikitext" &&
    (typeof task.model === "string" || (calibrationSize(task.model) ?? 256) === 256)
  );
  const results = gatherResults(oneDomain, madeUpProtocol.bootstrapSeed);
  // Made up: the gain is 8 / 8 by activation-aware, 0.5 by distillation; the KL is the same.
  assert.equal(
    pairFindings(results, "corrected"),
    "Activation-aware against distillation (corrected): perplexity is lower on 2 of 2 pairs, by " +
      "more than the 95 % interval on 2, KL from the fine-tune lower on 0 of 2 pairs.",
  );
  const quality = results.quality.map((each) => ({
    ...each,
    ...each.pair === "a → c"
      ? { documentCount: 1 }
      : { againstDistilled: { value: -0.1, low: -0.2, high: 0 } },
  }));
  assert.match(
    pairFindings({ ...results, quality }, "corrected"),
    /on 2 of 2 .* interval on 0, KL/,
  );
});
