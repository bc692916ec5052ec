import assert from "node:assert/strict";
import { calibrationSizeRows, wallClockRows } from "../../lib/report/study_rows.ts";
import type { QualityResult, StudyResults } from "../../lib/study/results.ts";
import { madeUpProtocol } from "../study/made_up_study.ts";

const quality: QualityResult = {
  pair: "a → c",
  domain: "code",
  method: "activation-aware",
  variant: "corrected",
  calibrationSize: 32,
  seedCount: 2,
  perplexity: { value: 6, low: 3, high: 12 },
  seedRange: [4, 9],
  againstInitial: { value: -0.4, low: -0.5, high: -0.3 },
  againstDistilled: null,
  kl: 0.5,
  agreement: 0.75,
  bitsPerByte: 1.5,
};

const row = {
  pair: "a → c",
  domain: "code",
  method: "activation-aware",
  variant: "corrected",
  calibrationSize: 32,
  seedCount: 2,
  perplexity: 6,
  low: 3,
  high: 12,
  kl: 0.5,
};

const none: StudyResults = { quality: [], cost: [], wallClock: [] };

Deno.test("a row of Figures 2 to 5 has a method's perplexity and interval", () => {
  const rows = calibrationSizeRows({ ...none, quality: [quality] }, madeUpProtocol, "code");
  assert.deepEqual(rows, [row]);
});

Deno.test("Figures 2 to 5 show the figures' pair in one domain, lines and the sizes asked for", () => {
  const line = { method: "fine", variant: null, calibrationSize: null } as const;
  const rows = calibrationSizeRows(
    {
      ...none,
      quality: [
        { ...quality, pair: "a → b" },
        { ...quality, domain: "health" },
        { ...quality, calibrationSize: 64 },
        { ...quality, ...line },
        { ...quality, calibrationSize: 256 },
      ],
    },
    madeUpProtocol,
    "code",
  );
  assert.deepEqual(rows, [{ ...row, ...line }, { ...row, calibrationSize: 256 }]);
});

Deno.test("a row of Figure 1 has the median and the range of the repeats", () => {
  const timing = {
    pair: "a → c",
    method: "distilled",
    variant: "study-faithful",
    batchSize: 4,
    seconds: 7,
  } as const;
  const rows = wallClockRows({ ...none, wallClock: [{ ...timing, range: [5, 50] }] });
  assert.deepEqual(rows, [{ ...timing, low: 5, high: 50 }]);
});
