/**
 * Sentences on what a figure or table shows, made from its numbers: a notebook's words stay true when
 * its numbers change. Which method is called better follows from the numbers alone.
 */

import { type CalibrationSizeRow, domainNames, type WallClockRow } from "./rows.ts";
import { escapeMarkdown } from "../../tables/markdown.ts";
import type { StudyResults } from "./results.ts";
import { significant } from "../../util/numbers.ts";

const variants: readonly (string | null)[] = [null, "study-faithful", "corrected"];

/**
 * Figures 2–5 in words: at how many calibration sizes activation-aware is lower than distillation, by
 * perplexity and by KL; and which of the pair's own models the text suits better.
 *
 * @param rows of one pair and one domain, ours or the published ones
 *
 * @example
 * ```ts
 * import {
 *   calibrationSizeFindings,
 *   publishedCalibrationSizeRows,
 *   readPublishedNumbers,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedCalibrationSizeRows(published, "health");
 * assert.match(calibrationSizeFindings(rows), /perplexity/i);
 * ```
 */
export function calibrationSizeFindings(rows: readonly CalibrationSizeRow[]): string {
  const sentences = variants.flatMap((variant) => {
    const aware = rows.filter((row) =>
      row.method === "activation-aware" && row.variant === variant
    );
    const distilled = rows.find((row) => row.method === "distilled" && row.variant === variant);
    return aware.length > 0 && distilled ? [againstDistilled(aware, distilled)] : [];
  });
  const base = rows.find(({ method }) => method === "base");
  const fine = rows.find(({ method }) => method === "fine");
  if (base && fine) sentences.push(fineAgainstBase(base, fine));
  const pair = escapeMarkdown(rows[0].pair);
  return `**${pair}, ${domainNames[rows[0].domain]}.** ${sentences.join(" ")}`;
}

function againstDistilled(
  aware: readonly CalibrationSizeRow[],
  distilled: CalibrationSizeRow,
): string {
  const compare = (what: string, of: (row: CalibrationSizeRow) => number) => {
    const values = aware.map(of);
    const lower = values.filter((value) => value < of(distilled)).length;
    return `${what} is lower than distillation's at ${lower} of ${aware.length} calibration ` +
      `sizes (${span(values)} against ${significant(of(distilled))})`;
  };
  const perplexity = compare("perplexity", (row) => row.perplexity);
  const kl = distilled.kl === null
    ? ""
    : `; its ${compare("KL from the fine-tune, in nats a token,", (row) => row.kl!)}`;
  return `Activation-aware${variantText(distilled.variant)}: ${perplexity}${kl}.`;
}

function fineAgainstBase(base: CalibrationSizeRow, fine: CalibrationSizeRow): string {
  const numbers = `perplexity ${significant(fine.perplexity)} against ` +
    significant(base.perplexity);
  return fine.perplexity > base.perplexity
    ? `On this text the fine-tune is worse than its base (${numbers}): whatever keeps less of it ` +
      "has the lower perplexity, and only the KL tells what was kept."
    : `On this text the fine-tune is better than its base (${numbers}): a lower perplexity and a ` +
      "smaller distance from the fine-tune ask for the same.";
}

/**
 * Figure 1 in words: how much longer each method takes at the largest batch size than at the smallest,
 * and where it ran out of memory.
 *
 * @param rows of one pair, ours or the published ones
 *
 * @example
 * ```ts
 * import {
 *   publishedWallClockRows,
 *   readPublishedNumbers,
 *   wallClockFindings,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * assert.match(wallClockFindings(publishedWallClockRows(published)), /batch size/);
 * ```
 */
export function wallClockFindings(rows: readonly WallClockRow[]): string {
  const methods = Map.groupBy(
    rows,
    ({ method, variant }) => `${method}${variantText(variant)}`,
  );
  const sentences = Array.from(methods, ([method, timings]) => {
    const sorted = timings.toSorted((a, b) => a.batchSize - b.batchSize);
    const timed = sorted.filter((row) => row.seconds !== null);
    const [first, last] = [timed[0], timed[timed.length - 1]];
    const failed = sorted.filter((row) => row.seconds === null).map(({ batchSize }) => batchSize);
    return `${capitalized(method)}: ${significant(first.seconds!, 3)} s at batch size ` +
      `${first.batchSize}, ${significant(last.seconds! / first.seconds!, 2)} times that at ` +
      `${last.batchSize}${failed.length ? `; out of memory at ${failed.join(", ")}` : ""}.`;
  });
  return `**${escapeMarkdown(rows[0].pair)}.** ${sentences.join(" ")}`;
}

/** One pair of Table 1 or 2: the number of each method. */
export interface MethodNumbers {
  /** Of distillation. */
  readonly distilled: number;
  /** Of the activation-aware method. */
  readonly activationAware: number;
}

/**
 * `"lower on 3 of 4 pairs"`, by which activation-aware compares with distillation.
 *
 * @example
 * ```ts
 * import { lowerOnPairs } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const pairs = [{ distilled: 8, activationAware: 7 }, { distilled: 8, activationAware: 9 }];
 * assert.match(lowerOnPairs(pairs), /1 of 2/);
 * ```
 */
export function lowerOnPairs(pairs: readonly MethodNumbers[]): string {
  const lower = pairs.filter(({ distilled, activationAware }) => activationAware < distilled);
  return `lower on ${lower.length} of ${pairs.length} pairs`;
}

/**
 * Table 1 in words, for one variant: on how many pairs activation-aware is lower than distillation, by
 * perplexity, there also beyond its interval, and by KL from the fine-tune.
 */
export function pairFindings({ quality }: StudyResults, variant: string): string {
  const of = (pair: string, method: string) =>
    quality.find((each) =>
      each.pair === pair && each.method === method && each.variant === variant
    )!;
  const pairs = [...new Set(quality.map(({ pair }) => pair))];
  const by = (number: (result: StudyResults["quality"][number]) => number) =>
    lowerOnPairs(pairs.map((pair) => ({
      distilled: number(of(pair, "distilled")),
      activationAware: number(of(pair, "activation-aware")),
    })));
  const clearly = pairs.filter((pair) => {
    const { againstDistilled, documentCount } = of(pair, "activation-aware");
    return documentCount > 1 && againstDistilled!.high < 0;
  });
  return `Activation-aware against distillation (${variant}): perplexity is ` +
    `${by(({ perplexity }) => perplexity.value)}, by more than the 95 % interval on ` +
    `${clearly.length}, KL from the fine-tune ${by(({ kl }) => kl)}.`;
}

function span(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => significant(value));
  return low === high ? low : `${low} to ${high}`;
}

function variantText(variant: string | null): string {
  return variant ? ` (${variant})` : "";
}

function capitalized(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
