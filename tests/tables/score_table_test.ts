import assert from "node:assert/strict";
import type { Interval } from "../../lib/evaluation/bootstrap.ts";
import type { ScoredText } from "../../lib/evaluation/score_documents.ts";
import { tableToMarkdown } from "../../lib/tables/markdown.ts";
import { scoreTable } from "../../lib/tables/score_table.ts";

const around = (value: number): Interval => ({ value, low: 0.9 * value, high: 1.1 * value });

/** Scores of so many documents or windows. */
function scored(unit: ScoredText["unit"], count: number, compared: boolean): ScoredText {
  const each = { name: "", tokens: 8, bytes: 30, nll: 20, kl: null, agreement: null };
  return {
    summary: {
      perplexity: 12.345678,
      kl: null,
      agreement: null,
      bitsPerByte: 2,
      tokens: 8 * count,
      windowNll: [],
      documents: Array.from({ length: count }, () => each),
    },
    unit,
    perplexity: around(12.345678),
    bitsPerByte: around(2),
    kl: compared ? around(0.000123456) : null,
    agreement: compared ? around(0.5) : null,
  };
}

Deno.test("a table of scores has a row a measure, with four digits and intervals", () => {
  assert.deepEqual(tableToMarkdown(scoreTable("a on b", scored("document", 3, true))).split("\n"), [
    "**a on b**",
    "",
    "|                                            |     Value |     2.5 % |    97.5 % |",
    "| :----------------------------------------- | --------: | --------: | --------: |",
    "| Perplexity                                 |     12.35 |     11.11 |     13.58 |",
    "| Bits per byte                              |         2 |       1.8 |       2.2 |",
    "| KL from the fine-tune (nats a token)       | 0.0001235 | 0.0001111 | 0.0001358 |",
    "| Same first choice as the fine-tune (share) |       0.5 |      0.45 |      0.55 |",
    "",
    "24 tokens scored; 95 % intervals by bootstrap over 3 documents.",
    "",
  ]);
});

Deno.test("without a reference it has two rows; windows are said to be windows", () => {
  const { rows, note } = scoreTable("a on b", scored("window", 2, false));
  assert.deepEqual(rows.map(([name]) => name), ["Perplexity", "Bits per byte"]);
  assert.equal(
    note,
    "16 tokens scored; 95 % intervals by bootstrap over 2 windows, for they all lie in one document.",
  );
});

Deno.test("one window has no intervals", () => {
  const { rows, note } = scoreTable("a on b", scored("window", 1, false));
  assert.deepEqual(rows[0], ["Perplexity", 12.35, null, null]);
  assert.equal(note, "8 tokens scored in one window: too few for intervals.");
});
