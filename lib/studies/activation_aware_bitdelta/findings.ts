/**
 * Sentences on what a figure or table shows, made from its numbers: a notebook's words stay true when
 * its numbers change. Which method is called better follows from the numbers alone.
 */

import { studyMethods } from "./plan.ts";
import { capitalized, domainNames, modelText } from "./names.ts";
import { type CalibrationSizeRow, furtherModels, type WallClockRow } from "./rows.ts";
import { isSameModel, type ModelName, modelsOf } from "../../figures/models.ts";
import { escapeMarkdown } from "../../tables/markdown.ts";
import type { StudyResults } from "./results.ts";
import { significant } from "../../util/numbers.ts";

/** What is held against nothing: the pair's own, where methods start, and what the others are held against. */
const UNCOMPARED: readonly string[] = ["base", "fine", studyMethods.start, studyMethods.standard];

/**
 * Figures 2–5 in words: at how many calibration sizes each method is lower than distillation, by perplexity and
 * by KL; and which of the pair's own models the text suits better.
 *
 * @param rows of one pair and one domain, ours or the published ones
 * @throws {ReportError} if a row is of no model.
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
  const sentences = modelsOf(rows).flatMap((model) => {
    const own = rows.filter((row) => isSameModel(row, model));
    const standard = standardOf(model, rows);
    const isCompared = !UNCOMPARED.includes(model.method);
    return isCompared && standard ? [againstDistilled(own, standard)] : [];
  });
  const base = rows.find(({ method }) => method === "base");
  const fine = rows.find(({ method }) => method === "fine");
  if (base && fine) sentences.push(fineAgainstBase(base, fine));
  const pair = escapeMarkdown(rows[0].pair);
  return `**${pair}, ${domainNames[rows[0].domain]}.** ${sentences.join(" ")}`;
}

/** Distillation in the variant of a model; the last of its variants for a model that has none of them. */
function standardOf<Row extends ModelName>(
  { variant }: ModelName,
  rows: readonly Row[],
): Row | undefined {
  const all = rows.filter(({ method }) => method === studyMethods.standard);
  return all.find((row) => row.variant === variant) ?? all.at(-1);
}

function againstDistilled(
  own: readonly CalibrationSizeRow[],
  distilled: CalibrationSizeRow,
): string {
  const [model] = own;
  const isSwept = own.some(({ calibrationSize }) => calibrationSize !== null);
  const theirs = distilled.variant === model.variant
    ? "distillation's"
    : modelText({ ...distilled, method: "distillation's" });
  const compare = (what: string, of: (row: CalibrationSizeRow) => number) => {
    const values = own.map(of);
    const numbers = `(${span(values)} against ${significant(of(distilled))})`;
    const lower = values.filter((value) => value < of(distilled)).length;
    return isSwept
      ? `${what} is lower than ${theirs} at ${lower} of ${own.length} calibration sizes ${numbers}`
      : `${what} is ${lower > 0 ? "lower than" : "no lower than"} ${theirs} ${numbers}`;
  };
  const perplexity = compare("perplexity", (row) => row.perplexity);
  const kl = distilled.kl === null
    ? ""
    : `; its ${compare("KL from the fine-tune, in nats a token,", (row) => row.kl!)}`;
  return `${capitalized(modelText(model))}: ${perplexity}${kl}.`;
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
 * @throws {ReportError} if a row is of no model.
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
  modelsOf(rows);
  const methods = Map.groupBy(
    rows,
    modelText,
  );
  const sentences = Array.from(methods, ([method, timings]) => {
    const sorted = timings.toSorted((a, b) => a.batchSize - b.batchSize);
    const timed = sorted.filter((row) => row.seconds !== null);
    const failed = sorted.filter((row) => row.seconds === null).map(({ batchSize }) => batchSize);
    if (timed.length === 0) return `${capitalized(method)}: out of memory at ${failed.join(", ")}.`;
    const [first, last] = [timed[0], timed[timed.length - 1]];
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
 * perplexity, there also beyond its interval, and by KL from the fine-tune; then the same of other methods.
 *
 * @throws {ReportError} if a result is of no model.
 *
 * @example
 * ```ts
 * import { gatherResults, pairFindings } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(pairFindings(gatherResults([], 1), "corrected"), /lower on 0 of 0 pairs/);
 * ```
 */
export function pairFindings({ quality }: StudyResults, variant: string): string {
  const isStandards = (of: string | null) =>
    quality.some((each) => each.method === studyMethods.standard && each.variant === of);
  const further = furtherModels(quality)
    .filter((model) => model.variant === variant || !isStandards(model.variant));
  return [{ method: studyMethods.proposed, variant }, ...further]
    .map((model) => pairSentence(quality, model, variant)).join(" ");
}

type Quality = StudyResults["quality"];

function pairSentence(quality: Quality, model: ModelName, variant: string): string {
  const pairs = [...Map.groupBy(quality, ({ pair }) => pair).values()].flatMap((of) => {
    const own = of.find((each) => isSameModel(each, model));
    const standard = of.find((each) =>
      isSameModel(each, { method: studyMethods.standard, variant })
    );
    return own && standard ? [{ own, standard }] : [];
  });
  const by = (number: (result: Quality[number]) => number) =>
    lowerOnPairs(pairs.map(({ own, standard }) => ({
      distilled: number(standard),
      activationAware: number(own),
    })));
  const clearly = pairs.filter(({ own: { againstDistilled, documentCount } }) =>
    documentCount > 1 && againstDistilled !== null && againstDistilled.high < 0
  );
  const named = modelText({ ...model, variant: model.variant === variant ? null : model.variant });
  const clear = pairs.every(({ own }) => own.againstDistilled !== null)
    ? `, by more than the 95 % interval on ${clearly.length}`
    : "";
  return `${capitalized(named)} against distillation (${variant}): perplexity is ` +
    `${by(({ perplexity }) => perplexity.value)}${clear}, KL from the fine-tune ` +
    `${by(({ kl }) => kl)}.`;
}

function span(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => significant(value));
  return low === high ? low : `${low} to ${high}`;
}
