/** The scores of one model on one text as tables: the study's with their intervals, and the harness's. */

import type { Interval } from "../evaluation/bootstrap.ts";
import type { ScoredText } from "../evaluation/score_documents.ts";
import type { RollingScores } from "../evaluation/rolling.ts";
import type { Cell, Table } from "./table.ts";

/** Digits that count in a cell; the rest stands in the JSON. */
const SIGNIFICANT_DIGITS = 4;

/**
 * One row a measure; KL and agreement only where there was a reference.
 *
 * @example
 * ```ts
 * import { scoreTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const none = { value: 1, low: 1, high: 1 };
 * const documents = [{ name: "a", tokens: 1, bytes: 1, nll: 0, kl: null, agreement: null }];
 * const summary = {
 *   ...{ perplexity: 1, kl: null, agreement: null, bitsPerByte: 0, tokens: 1 },
 *   ...{ windowNll: [0], documents },
 * };
 * const scored = { summary, unit: "window", perplexity: none, bitsPerByte: none } as const;
 * const { rows } = scoreTable("A text", { ...scored, kl: null, agreement: null });
 * assert.deepEqual(rows[0], ["Perplexity", 1, null, null]);
 * ```
 */
export function scoreTable(title: string, scored: ScoredText): Table {
  const { summary, unit } = scored;
  const measures: [name: string, interval: Interval | null][] = [
    ["Perplexity", scored.perplexity],
    ["Bits per byte", scored.bitsPerByte],
    ["KL from the fine-tune (nats a token)", scored.kl],
    ["Same first choice as the fine-tune (share)", scored.agreement],
  ];
  const resampled = summary.documents.length;
  const units = `${resampled} ${unit}${resampled === 1 ? "" : "s"}`;
  // One unit drawn again and again is always the same.
  const bounds = ({ low, high }: Interval) =>
    resampled > 1 ? [low, high].map(rounded) : [null, null];
  return {
    title,
    columns: [{ name: "" }, { name: "Value" }, { name: "2.5 %" }, { name: "97.5 %" }],
    rows: measures.flatMap(([name, interval]): Cell[][] =>
      interval ? [[name, rounded(interval.value), ...bounds(interval)]] : []
    ),
    note: resampled > 1
      ? `${summary.tokens} tokens scored; 95 % intervals by bootstrap over ${units}` +
        (unit === "window" ? ", for they all lie in one document." : ".")
      : `${summary.tokens} tokens scored in one window: too few for intervals.`,
  };
}

/**
 * One row a measure, under the harness's names; a note alone where there is nothing to start from.
 *
 * @example
 * ```ts
 * import { rollingTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(rollingTable("A text", null).rows, []);
 * ```
 */
export function rollingTable(title: string, scores: RollingScores | null): Table {
  const columns = [{ name: "" }, { name: "Value" }];
  if (scores === null) {
    const note = "Not scored: neither tokenizer nor model names a token of beginning or end.";
    return { title, columns, rows: [], note };
  }
  const { nll, wordPerplexity, bytePerplexity, bitsPerByte } = scores;
  const measures: [name: string, value: number | null][] = [
    ["NLL (nats, sum)", nll],
    ["word_perplexity", wordPerplexity],
    ["byte_perplexity", bytePerplexity],
    ["bits_per_byte", bitsPerByte],
  ];
  return {
    title,
    columns,
    rows: measures.map(([name, value]): Cell[] => [name, value === null ? null : rounded(value)]),
    note:
      `${scores.tokens} tokens, ${scores.words} words and ${scores.bytes} bytes; every token scored, ` +
      `document by document, in disjoint windows of ${scores.maximumLength} tokens (max_length).`,
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(SIGNIFICANT_DIGITS));
}
