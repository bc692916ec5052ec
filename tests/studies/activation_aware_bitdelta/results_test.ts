import assert from "node:assert/strict";
import type { ScoredModel } from "../../../lib/experiments/scored_model.ts";
import type { StudyMeasurement } from "../../../lib/studies/activation_aware_bitdelta/run.ts";
import {
  gatherResults,
  type QualityResult,
  type StudyResults,
} from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import {
  awareModel as aware,
  distilledModel as distilled,
  initialModel,
  madeUpMeasurements,
  measurementOf,
  scores,
} from "./made_up_study.ts";

/** A score on general text: two documents of 10 tokens with these perplexities. */
const scored = (model: ScoredModel, perplexities: [number, number], kl?: number) =>
  measurementOf(
    { kind: "evaluation", pair: "a → b", model, domain: "wikitext" },
    scores(perplexities, kl),
  );

const digits = (value: number) => Number(value.toPrecision(12));

/** What is said of a method's quality, with its numbers rounded to 12 digits. */
function qualityOf({ quality }: StudyResults, kind: string, variant: string | null = null) {
  const round = (value: unknown): unknown => {
    if (typeof value === "number") return digits(value) + 0;
    if (value === null || typeof value !== "object") return value;
    if (Array.isArray(value)) return value.map(round);
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, round(each)]));
  };
  const found = quality.filter((each) => each.method === kind && each.variant === variant);
  assert.equal(found.length, 1, `${kind} once`);
  return round(found[0]) as QualityResult;
}

Deno.test("a method's quality is the mean over its seeds, in the logarithm", () => {
  const results = gatherResults([
    scored("fine", [2, 10]),
    scored(initialModel, [5, 20], 2),
    // Perplexities √(2 · 8) = 4 and √(4.5 · 18) = 9: their mean is 6, between documents 3 and 12.
    scored(aware(32, 1), [2, 8], 0.25),
    scored(aware(32, 2), [4.5, 18], 0.75),
    scored(distilled(1), [6, 24]),
    scored(distilled(2), [6, 6]),
  ], 7);

  assert.deepEqual(qualityOf(results, "activation-aware", "corrected"), {
    pair: "a → b",
    domain: "wikitext",
    method: "activation-aware",
    variant: "corrected",
    calibrationSize: 32,
    seedCount: 2,
    // Both documents are the first one, or the second, in a quarter of all samples each.
    perplexity: { value: 6, low: 3, high: 12 },
    documentCount: 2,
    seedRange: [4, 9],
    // 3 / 2 and 12 / 10: 6 / √20 in all.
    againstFine: { value: digits(6 / Math.sqrt(20) - 1), low: 0.2, high: 0.5 },
    // 3 / 5 and 12 / 20: the same in both documents.
    againstInitial: { value: -0.4, low: -0.4, high: -0.4 },
    // 3 / 6 and 12 / √(24 · 6): 6 / √72 in all.
    againstDistilled: { value: digits(Math.SQRT1_2 - 1), low: -0.5, high: 0 },
    kl: 0.5,
    // 0.5 / 2 in both documents, and as many first choices.
    klAgainstInitial: { value: -0.75, low: -0.75, high: -0.75 },
    agreement: 0.5,
    agreementAgainstInitial: { value: 0, low: 0, high: 0 },
    // log₂ 4 and log₂ 9 for every 2 bytes: their mean is log₂ 6 / 2.
    bitsPerByte: digits(Math.log2(6) / 2),
  });
  assert.deepEqual(qualityOf(results, "initial"), {
    pair: "a → b",
    domain: "wikitext",
    method: "initial",
    variant: null,
    calibrationSize: null,
    seedCount: 1,
    perplexity: { value: 10, low: 5, high: 20 },
    documentCount: 2,
    seedRange: [10, 10],
    againstFine: { value: digits(10 / Math.sqrt(20) - 1), low: 1, high: 1.5 },
    againstInitial: { value: 0, low: 0, high: 0 },
    againstDistilled: null,
    kl: 2,
    klAgainstInitial: { value: 0, low: 0, high: 0 },
    agreement: 0.5,
    agreementAgainstInitial: { value: 0, low: 0, high: 0 },
    bitsPerByte: digits(Math.log2(10) / 2),
  });
});

Deno.test("KL is held against the initial scales by its ratio, agreement by its difference", () => {
  const measured = (model: ScoredModel, kl: [number, number], agreement: [number, number]) => {
    const { result, task, ...rest } = scored(model, [2, 8]) as StudyMeasurement<"evaluation">;
    const documents = result.documents.map((each, index) => ({
      ...each,
      kl: kl[index],
      agreement: agreement[index],
    }));
    return { ...rest, task, result: { ...result, documents } };
  };
  const results = gatherResults([
    measured("fine", [0, 0], [10, 10]),
    measured(initialModel, [2, 8], [5, 6]),
    measured(aware(32, 1), [1, 6], [7, 6]),
  ], 7);
  const { klAgainstInitial, agreementAgainstInitial } = qualityOf(
    results,
    "activation-aware",
    "corrected",
  );
  // 1 / 2 and 6 / 8: 7 / 10 in all. 7 − 5 and 6 − 6 of 10 tokens: 2 of 20 in all.
  assert.deepEqual(klAgainstInitial, { value: -0.3, low: -0.5, high: -0.25 });
  assert.deepEqual(agreementAgainstInitial, { value: 0.1, low: 0, high: 0.2 });
});

Deno.test("a method that scores as another does differs from it by [0, 0]", () => {
  const results = gatherResults([
    scored("fine", [5, 20]),
    scored(initialModel, [5, 20]),
    scored(aware(32, 1), [5, 20]),
    scored(distilled(1), [5, 20]),
  ], 7);
  const nothing = { value: 0, low: 0, high: 0 };
  for (const method of ["activation-aware", "distilled"] as const) {
    const quality = qualityOf(results, method, "corrected");
    assert.deepEqual(
      [quality.againstFine, quality.againstInitial, quality.againstDistilled],
      [nothing, nothing, nothing],
    );
  }
});

Deno.test("a method is held against the distillation of its own variant, pair and domain", () => {
  const elsewhere = measurementOf({
    kind: "evaluation",
    pair: "a → c",
    model: distilled(1),
    domain: "wikitext",
  }, scores([99, 99]));
  const plain = ["a → b", "a → c"].flatMap((pair) =>
    (["fine", initialModel] as const).map((model) =>
      measurementOf(
        { kind: "evaluation", pair, model, domain: "wikitext" },
        scores([8, 8]),
      )
    )
  );
  const results = gatherResults([
    ...plain,
    elsewhere,
    scored(aware(32, 1, "study-faithful"), [4, 4]),
    scored(aware(32, 1, "corrected"), [4, 4]),
    scored(distilled(1, "study-faithful"), [8, 8]),
    scored(distilled(1, "corrected"), [2, 2]),
  ], 7);
  const difference = (variant: string) =>
    qualityOf(results, "activation-aware", variant).againstDistilled!.value;
  assert.deepEqual([difference("study-faithful"), difference("corrected")], [-0.5, 1]);
});

Deno.test("intervals contain their value", () => {
  const { quality } = gatherResults(madeUpMeasurements(), 7);
  const intervals = quality.flatMap((each) =>
    [each.perplexity, each.againstFine, each.againstInitial, each.againstDistilled]
      .filter((interval) => interval !== null)
  );
  for (const { value, low, high } of intervals) {
    // Two ways to add the same logarithms differ in their last digits.
    assert.ok(low <= value + 1e-12 && value <= high + 1e-12, `${low} ${value} ${high}`);
  }
});

Deno.test("the order of measurements does not matter", () => {
  const forwards = gatherResults(madeUpMeasurements(), 7);
  const backwards = gatherResults(madeUpMeasurements().toReversed(), 7);
  const sorted = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).sort();
  assert.deepEqual(sorted(backwards.cost), sorted(forwards.cost));
  assert.deepEqual(sorted(backwards.wallClock), sorted(forwards.wallClock));
  const named = (rows: readonly QualityResult[]) =>
    sorted(rows.map(({ pair, domain, method, variant, calibrationSize, perplexity }) => ({
      ...{ pair, domain, method, variant, calibrationSize },
      perplexity: perplexity.value.toFixed(9),
    })));
  assert.deepEqual(named(backwards.quality), named(forwards.quality));
});
