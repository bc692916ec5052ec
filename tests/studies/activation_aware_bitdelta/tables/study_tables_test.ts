import assert from "node:assert/strict";
import {
  claimsTable,
  perplexityTable,
  wallClockTable,
} from "../../../../lib/studies/activation_aware_bitdelta/tables/study_tables.ts";
import { formatCells } from "../../../../lib/tables/table.ts";
import { readPublishedNumbers } from "../../../../lib/studies/activation_aware_bitdelta/published.ts";
import { gatherResults } from "../../../../lib/studies/activation_aware_bitdelta/results.ts";
import { madeUpMeasurements, madeUpProtocol } from "../made_up_study.ts";

const published = await readPublishedNumbers();
const results = gatherResults(madeUpMeasurements(), madeUpProtocol.bootstrapSeed);

Deno.test("Table 1 has our pairs with paired intervals, then the published rows", () => {
  const table = perplexityTable(results, madeUpProtocol, published);
  assert.deepEqual(table.columns.map(({ name }) => name), [
    "Numbers",
    "Pair",
    "Base",
    "Fine-tune",
    "Initial",
    "Distilled (study-faithful)",
    "Activation-aware (study-faithful)",
    "Against distilled (study-faithful, %)",
    "Distilled (corrected)",
    "Activation-aware (corrected)",
    "Against distilled (corrected, %)",
  ]);
  const none = "–";
  // ∛(0.9 · 1.25) times 30, 8, 10; and times √((x + 1/64)(x + 2/64)) with x = 8.75, 8.25, 8.5, 8;
  // every document has the same ratio, so that paired intervals have no width. The first pair has 1.5
  // times all of it, and x + 2/64 of its one seed.
  assert.deepEqual(formatCells(table).slice(0, 3), [
    [
      "ours",
      "a → b",
      "46.802",
      "12.481",
      "15.601",
      "13.699",
      "12.919",
      "−5.69 [−5.69, −5.69]",
      "13.309",
      "12.529",
      "−5.86 [−5.86, −5.86]",
    ],
    [
      "ours",
      "a → c",
      "31.201",
      "8.320",
      "10.400",
      "9.125",
      "8.605",
      "−5.70 [−5.70, −5.70]",
      "8.865",
      "8.345",
      "−5.87 [−5.87, −5.87]",
    ],
    [
      "published",
      "Mistral-7B-v0.1 → Zephyr-7B-beta",
      none,
      none,
      none,
      "7.791",
      "8.879",
      "13.96",
      none,
      none,
      none,
    ],
  ]);
  assert.deepEqual(
    formatCells(table).slice(3).map((cells) => [cells[1], cells[5], cells[6]]),
    [
      ["Mistral-7B-v0.1 → Mistral-7B-Instruct-v0.1", "8.369", "7.864"],
      ["Llama-2-7b-hf → vicuna-7b-v1.5", "7.842", "7.582"],
      ["Llama-2-7b-hf → Llama-2-7b-chat-hf", "8.158", "7.938"],
    ],
  );
  assert.match(
    table.note!,
    /“made-up”, domain “wikitext” \(the Brown Corpus\), means over calibration texts \(2 for a → c, 1 for the others\), 256 rows or 250 steps of 4/,
  );
});

Deno.test("Table 2 has our medians with fastest and slowest, then the published seconds", () => {
  const twice = (...cells: string[]) => [...cells, ...cells];
  const table = wallClockTable(results, madeUpProtocol, published);
  assert.deepEqual(formatCells(table), [
    ["ours", "a → b", ...twice("1501.00 [1500.00, 1502.00]", "5.88 [4.88, 6.88]")],
    ["ours", "a → c", ...twice("1000.00 [1000.00, 1001.00]", "3.25 [3.13, 4.13]")],
    ["published", "Mistral-7B-v0.1 → Zephyr-7B-beta", "150.73", "77.36", "–", "–"],
    ["published", "Mistral-7B-v0.1 → Mistral-7B-Instruct-v0.1", "143.06", "92.04", "–", "–"],
    ["published", "Llama-2-7b-hf → vicuna-7b-v1.5", "141.51", "77.32", "–", "–"],
    ["published", "Llama-2-7b-hf → Llama-2-7b-chat-hf", "146.27", "67.56", "–", "–"],
  ]);
  assert.match(
    table.note!,
    /^Ours: medians of 3 timings or more, the methods in turns, .* timed once, 2 x NVIDIA A100 40 GB\.$/,
  );
});

Deno.test("the table of claims has each claim once, and each verdict on it", () => {
  const judgement = (id: string, holds: boolean | null) => ({ id, holds, because: `of ${id}` });
  const claims = ["C1", "C2"].map((id) => ({ id, claim: `claim ${id}`, where: "", check: "" }));
  const table = claimsTable(claims, [
    { source: "published numbers", judgements: [judgement("C2", false), judgement("C1", true)] },
    { source: "ours", judgements: [judgement("C1", null), judgement("C2", true)] },
  ]);
  assert.deepEqual(formatCells(table), [
    ["C1. claim C1", "published numbers", "holds", "of C1"],
    ["C1", "ours", "cannot be told", "of C1"],
    ["C2. claim C2", "published numbers", "does not hold", "of C2"],
    ["C2", "ours", "holds", "of C2"],
  ]);
});
