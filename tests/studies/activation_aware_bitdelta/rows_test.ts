import assert from "node:assert/strict";
import { calibrationSizeFigure } from "../../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { wallClockFigure } from "../../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import {
  calibrationSizeRows,
  publishedCalibrationSizeRows,
  publishedWallClockRows,
  wallClockRows,
} from "../../../lib/studies/activation_aware_bitdelta/rows.ts";
import type {
  QualityResult,
  StudyResults,
} from "../../../lib/studies/activation_aware_bitdelta/results.ts";
import { domains } from "../../../lib/texts/domains.ts";
import { madeUpProtocol } from "./made_up_study.ts";

const quality: QualityResult = {
  pair: "a → c",
  domain: "code",
  method: "activation-aware",
  variant: "corrected",
  calibrationSize: 32,
  seedCount: 2,
  perplexity: { value: 6, low: 3, high: 12 },
  documentCount: 3,
  seedRange: [4, 9],
  againstFine: { value: 0.5, low: 0.25, high: 0.75 },
  againstInitial: { value: -0.4, low: -0.5, high: -0.3 },
  againstDistilled: null,
  kl: 0.5,
  klAgainstInitial: { value: -0.5, low: -0.6, high: -0.45 },
  agreement: 0.75,
  agreementAgainstInitial: { value: 0.05, low: 0.01, high: 0.08 },
  bitsPerByte: 1.5,
};

const fine: QualityResult = {
  ...quality,
  method: "fine",
  variant: null,
  calibrationSize: null,
  seedCount: 1,
  perplexity: { value: 4, low: 2, high: 8 },
  againstFine: { value: 0, low: 0, high: 0 },
  kl: 0,
};

const fineRow = {
  pair: "a → c",
  domain: "code",
  method: "fine",
  variant: null,
  calibrationSize: null,
  seedCount: 1,
  perplexity: 4,
  low: null,
  high: null,
  kl: 0,
  klLow: null,
  klHigh: null,
};

// Its interval: 1.25 and 1.75 times the fine-tune's perplexity.
const row = {
  ...fineRow,
  method: "activation-aware",
  variant: "corrected",
  calibrationSize: 32,
  seedCount: 2,
  perplexity: 6,
  low: 5,
  high: 7,
  kl: 0.5,
  klLow: null,
  klHigh: null,
};

const none: StudyResults = {
  measurements: [],
  engine: "none",
  quality: [],
  cost: [],
  wallClock: [],
};

Deno.test("a row of Figures 2 to 5 has a perplexity, and its interval paired with the fine-tune", () => {
  const rows = calibrationSizeRows({ ...none, quality: [fine, quality] }, madeUpProtocol, "code");
  assert.deepEqual(rows, [fineRow, row]);
});

Deno.test("Figures 2 to 5 show the figures' pair in one domain, lines and the sizes asked for", () => {
  const line = { method: "initial", variant: null, calibrationSize: null } as const;
  const rows = calibrationSizeRows(
    {
      ...none,
      quality: [
        { ...fine, pair: "a → b", perplexity: { value: 99, low: 99, high: 99 } },
        { ...fine, domain: "health", perplexity: { value: 99, low: 99, high: 99 } },
        { ...quality, pair: "a → b" },
        { ...quality, domain: "health" },
        { ...quality, calibrationSize: 64 },
        { ...quality, ...line },
        fine,
        { ...quality, calibrationSize: 256 },
      ],
    },
    madeUpProtocol,
    "code",
  );
  // From 0.4 to 0.55 times the KL of the initial scales, 0.5.
  const kl = { klLow: 0.2, klHigh: 0.275 };
  assert.deepEqual(rows, [{ ...row, ...line }, fineRow, { ...row, ...kl, calibrationSize: 256 }]);
});

Deno.test("one document alone gives no interval", () => {
  const initial = { ...quality, method: "initial", variant: null, calibrationSize: null } as const;
  const rows = calibrationSizeRows(
    {
      ...none,
      quality: [fine, initial, quality].map((each) => ({ ...each, documentCount: 1 })),
    },
    madeUpProtocol,
    "code",
  );
  for (const { low, high, klLow, klHigh } of rows) {
    assert.deepEqual([low, high, klLow, klHigh], [null, null, null, null]);
  }
});

Deno.test("a row of Figure 1 has the median and the range of the repeats", () => {
  const timing = {
    pair: "a → c",
    method: "distilled",
    variant: "study-faithful",
    batchSize: 4,
    steps: 10,
    seconds: 7,
  } as const;
  const measured = { ...timing, timing: [5, 7, 50], range: [5, 50] } as const;
  const rows = wallClockRows({ ...none, wallClock: [measured] });
  assert.deepEqual(rows, [{ ...timing, low: 5, high: 50 }]);
});

Deno.test("published wall clock has its values, and what ran out of memory", async () => {
  const rows = publishedWallClockRows(await readPublishedNumbers());
  assert.equal(rows.length, 12);
  const seconds = (method: string, size: number) =>
    rows.find((row) => row.method === method && row.batchSize === size)!.seconds;
  assert.equal(seconds("distilled", 16), 315.36);
  assert.equal(seconds("distilled", 32), null);
  assert.equal(seconds("activation-aware", 32), 48.03);
  assert.equal(wallClockFigure(rows, rows).data.length, 4);
});

Deno.test("published perplexities have their values, in every domain", async () => {
  const study = await readPublishedNumbers();
  const finance = publishedCalibrationSizeRows(study, "finance");
  assert.equal(finance[0].perplexity, 10.315275192260742);
  assert.deepEqual(finance.slice(1).map((row) => [row.calibrationSize, row.perplexity]), [
    [32, 9.9019],
    [64, 9.8656],
    [128, 9.9126],
    [256, 9.9062],
    [512, 9.9083],
  ]);
  for (const domain of domains) {
    const rows = publishedCalibrationSizeRows(study, domain);
    assert.equal(calibrationSizeFigure(domain, rows, rows).data.length, 4);
  }
});
