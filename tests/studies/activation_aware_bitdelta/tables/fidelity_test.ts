import assert from "node:assert/strict";
import { fidelityTable } from "../../../../lib/studies/activation_aware_bitdelta/tables/fidelity.ts";
import { tableToLatex } from "../../../../lib/tables/latex.ts";
import { tableToMarkdown } from "../../../../lib/tables/markdown.ts";
import { formatCells, type IntervalCell } from "../../../../lib/tables/table.ts";
import {
  gatherResults,
  type QualityResult,
} from "../../../../lib/studies/activation_aware_bitdelta/results.ts";
import { madeUpMeasurements, madeUpProtocol } from "../made_up_study.ts";

const initial: QualityResult = {
  pair: "a → c",
  domain: "health",
  method: "initial",
  variant: null,
  calibrationSize: null,
  seedCount: 1,
  perplexity: { value: 10, low: 5, high: 20 },
  documentCount: 3,
  seedRange: [10, 10],
  againstFine: { value: 1, low: 1, high: 1 },
  againstInitial: { value: 0, low: 0, high: 0 },
  againstDistilled: null,
  kl: 0.25,
  klAgainstInitial: { value: 0, low: 0, high: 0 },
  agreement: 0.5,
  agreementAgainstInitial: { value: 0, low: 0, high: 0 },
  bitsPerByte: 1.5,
};

const aware: QualityResult = {
  ...initial,
  method: "activation-aware",
  variant: "corrected",
  calibrationSize: 256,
  perplexity: { value: 12345, low: 3, high: 12 },
  againstInitial: { value: -0.004, low: -0.0051234, high: 0.000255 },
  kl: 0.04567,
  klAgainstInitial: { value: -0.81732, low: -0.84, high: -0.8 },
  agreement: 0.756,
  agreementAgainstInitial: { value: 0.256, low: 0.25, high: 0.375 },
};

const distilled: QualityResult = { ...aware, method: "distilled", calibrationSize: null, kl: 0.05 };

const tableOf = (quality: readonly QualityResult[]) =>
  fidelityTable(
    { measurements: [], engine: "none", quality, cost: [], wallClock: [] },
    madeUpProtocol,
  );

const table = tableOf([
  { ...aware, pair: "a → b" },
  { ...aware, calibrationSize: 32 },
  distilled,
  aware,
  { ...initial, method: "fine", kl: 0, agreement: 1 },
  initial,
  { ...initial, domain: "code" },
]);

Deno.test("fidelity is by domain, with three digits and intervals against the initial scales", () => {
  // 0.25 · (1 − 0.84) and 0.25 · (1 − 0.8); 0.5 + 0.25 and 0.5 + 0.375.
  const kl = "[0.0400, 0.0500]";
  const others = ["75.6 [75.0, 87.5]", "12345", "−0.400 [−0.512, 0.026]", "1.50"];
  assert.deepEqual(formatCells(table), [
    ["code", "initial", "0.250", "50.0", "10.0", "0.00", "1.50"],
    ["health", "fine-tune", "0.00", "100", "10.0", "0.00", "1.50"],
    ["health", "initial", "0.250", "50.0", "10.0", "0.00", "1.50"],
    ["health", "activation-aware (corrected)", `0.0457 ${kl}`, ...others],
    ["health", "distilled (corrected)", `0.0500 ${kl}`, ...others],
  ]);
  assert.match(table.title, /a → c$/);
  const { seeds, tableCalibrationSize: rows, distillation: { steps, batch } } = madeUpProtocol;
  const said =
    `Means over calibration texts (${seeds.length}), ${rows} rows or ${steps} steps of ${batch}.`;
  assert.ok(table.note!.startsWith(said), table.note!);
  assert.match(table.note!, /the same drawn for both \(code 3, health 3\)\./);
});

Deno.test("the nearest of a domain is bold: lowest KL, most first choices, the fine-tune aside", () => {
  const bold = tableToMarkdown(table).split("\n").filter((line) => line.startsWith("|")).slice(2)
    .map((line) => Array.from(line.matchAll(/\*\*(\S+)\*\*/g), ([, number]) => number));
  assert.deepEqual(bold, [["0.250", "50.0"], [], [], ["0.0457", "75.6"], ["75.6"]]);
  assert.match(tableToLatex(table, "f"), /\\textbf\{0\.0457\}/);
});

Deno.test("numbers that are printed alike are bold together", () => {
  const { rows } = tableOf([aware, { ...distilled, kl: 0.04573, agreement: 0.7549 }]);
  const isBold = rows.map((row) => row.slice(2, 4).map((cell) => (cell as IntervalCell).isBest));
  assert.deepEqual(isBold, [[true, true], [true, false]]);
});

Deno.test("one document alone gives no interval", () => {
  const cells = formatCells(tableOf([initial, { ...aware, documentCount: 1 }]));
  assert.deepEqual(cells[1].slice(2), ["0.0457", "75.6", "12345", "−0.400", "1.50"]);
});

Deno.test("ends of intervals hold their value, in every domain", () => {
  const results = gatherResults(madeUpMeasurements().reverse(), 1);
  const { rows } = fidelityTable(results, madeUpProtocol);
  assert.equal(rows.length, 4 * 7);
  assert.deepEqual(rows.slice(0, 7).map(([, method]) => method), [
    "base",
    "fine-tune",
    "initial",
    "activation-aware (study-faithful)",
    "activation-aware (corrected)",
    "distilled (study-faithful)",
    "distilled (corrected)",
  ]);
  for (const cell of rows.flat()) {
    if (cell === null || typeof cell !== "object" || cell.low === null) continue;
    assert.ok(cell.low <= cell.value + 1e-9 && cell.value <= cell.high! + 1e-9);
  }
});
