/**
 * What the study's figures are drawn from, one plain row a point: made of our results, and of the published
 * numbers. What the study printed in tables and claimed in words is not drawn.
 */

import type { Interval } from "../../evaluation/bootstrap.ts";
import { type ModelName, modelsOf } from "../../figures/models.ts";
import type { Domain } from "../../texts/domains.ts";
import { studyMethods } from "./plan.ts";
import { figurePair, type Protocol, realProtocol } from "./protocol.ts";
import type { PublishedNumbers } from "./published.ts";
import type { StudyResults } from "./results.ts";

/** Models that the study is about, by method; others stand after them. */
const studyModels: readonly string[] = ["base", "fine", ...Object.values(studyMethods)];

/**
 * The models of some rows that the study is not about, in the order of legends.
 *
 * @throws {ReportError} if a row is of no model.
 */
export function furtherModels(rows: readonly ModelName[]): ModelName[] {
  return modelsOf(rows).filter(({ method }) => !studyModels.includes(method));
}

/** One point of Figures 2–5. */
export interface CalibrationSizeRow extends ModelName {
  /** For titles: `"Llama-2-7b → Llama-2-7b-chat"`. */
  readonly pair: string;
  /** Domain of the scored text. */
  readonly domain: Domain;
  /** Calibration samples; `null` for a method that does not vary with them. */
  readonly calibrationSize: number | null;
  /** Seeds of calibration text that the point is the mean of. */
  readonly seedCount: number;
  /** Mean over the seeds. */
  readonly perplexity: number;
  /** Ends of the 95 % interval, paired with the fine-tune's; both `null` where there is none. */
  readonly low: number | null;
  /** Upper end, like `low`. */
  readonly high: number | null;
  /** Mean KL(fine ‖ compressed) per token, in nats. */
  readonly kl: number | null;
  /** Ends of its 95 % interval, paired with the initial scales'; both `null` where there is none. */
  readonly klLow: number | null;
  /** Upper end, like `klLow`. */
  readonly klHigh: number | null;
}

/** One point of Figure 1. */
export interface WallClockRow extends ModelName {
  /** As in {@linkcode CalibrationSizeRow}. */
  readonly pair: string;
  /** Sequences that run at once. */
  readonly batchSize: number;
  /** Steps of distillation that were timed; `null` for a method without. */
  readonly steps: number | null;
  /** Wall clock of the calibration in seconds; `null` if it ran out of memory. */
  readonly seconds: number | null;
  /** Fastest and slowest of the repeats, if there were several. */
  readonly low: number | null;
  /** Slowest, like `low`. */
  readonly high: number | null;
}

/**
 * Our rows of Figure 1: medians, with the range of the repeats where there are several.
 *
 * @example
 * ```ts
 * import { gatherResults, wallClockRows } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(wallClockRows(gatherResults([], 1)), []);
 * ```
 */
export function wallClockRows({ wallClock }: StudyResults): WallClockRow[] {
  return wallClock.map(({ pair, method, variant, batchSize, steps, seconds, range }) => ({
    pair,
    method,
    variant,
    batchSize,
    steps,
    seconds,
    low: range[0] < range[1] ? range[0] : null,
    high: range[0] < range[1] ? range[1] : null,
  }));
}

/**
 * Our rows of the figure of one domain, of Figures 2–5. Intervals are those of the ratio to the
 * fine-tune's perplexity, the same documents drawn for both: how hard a document is cancels, and what
 * is left tells methods apart.
 *
 * @example
 * ```ts
 * import { calibrationSizeRows, chooseProtocol, gatherResults } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseProtocol({ profile: "quick" });
 * assert.deepEqual(calibrationSizeRows(gatherResults([], 1), protocol, "code"), []);
 * ```
 */
export function calibrationSizeRows(
  { quality }: StudyResults,
  protocol: Protocol,
  domain: Domain,
): CalibrationSizeRow[] {
  const pair = figurePair(protocol).name;
  const here = quality.filter((each) => each.pair === pair && each.domain === domain);
  if (here.length === 0) return [];
  const fine = here.find(({ method }) => method === "fine")!.perplexity.value;
  const initialKl = here.find(({ method }) => method === studyMethods.start)?.kl ?? NaN;
  const drawn = here.filter(({ calibrationSize }) =>
    calibrationSize === null || protocol.calibrationSizes.includes(calibrationSize)
  );
  return drawn.map((each) => {
    const isFine = each.method === "fine";
    // One document drawn again and again is always the same.
    const [low, high] = isFine || each.documentCount === 1
      ? [null, null]
      : ends(fine, each.againstFine);
    const [klLow, klHigh] = isFine || each.method === studyMethods.start || each.documentCount === 1
      ? [null, null]
      : ends(initialKl, each.klAgainstInitial);
    return {
      pair,
      domain,
      method: each.method,
      variant: each.variant,
      calibrationSize: each.calibrationSize,
      seedCount: each.seedCount,
      perplexity: each.perplexity.value,
      low,
      high,
      kl: each.kl,
      klLow,
      klHigh,
    };
  });
}

/** Ends of an interval of ratios less 1 to a number; none where that is 0 and there is no ratio. */
function ends(of: number, { low, high }: Interval): [number, number] | [null, null] {
  const [from, to] = [of * (1 + low), of * (1 + high)];
  return Number.isFinite(from) && Number.isFinite(to) ? [from, to] : [null, null];
}

/** What was published without: intervals, KL, repeated seeds. */
const bare = { variant: null, low: null, high: null };

const arrow = ([base, fine]: readonly string[]) => `${base} → ${fine}`;

/**
 * The study's Figure 1, whose "standard" is our distilled.
 *
 * @example
 * ```ts
 * import { publishedWallClockRows, readPublishedNumbers } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedWallClockRows(published);
 * assert.ok(rows.length > 0);
 * ```
 */
export function publishedWallClockRows(study: PublishedNumbers): WallClockRow[] {
  const { pair, batch_size, standard, activation_aware } = study.figure1_wall_clock_s_by_batch_size;
  const common = { ...bare, pair: arrow(pair) };
  const { steps } = realProtocol.wallClock;
  return batch_size.flatMap((batchSize, index): WallClockRow[] => [
    { ...common, method: studyMethods.standard, batchSize, steps, seconds: standard[index] },
    {
      ...common,
      method: studyMethods.proposed,
      batchSize,
      steps: null,
      seconds: activation_aware[index],
    },
  ]);
}

/**
 * The study's figure of one domain, of Figures 2–5.
 *
 * @example
 * ```ts
 * import { publishedCalibrationSizeRows, readPublishedNumbers } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedCalibrationSizeRows(published, "health");
 * assert.ok(rows.every(({ domain }) => domain === "health"));
 * ```
 */
export function publishedCalibrationSizeRows(
  study: PublishedNumbers,
  domain: Domain,
): CalibrationSizeRow[] {
  const { pair, calibration_size, ...domains } = study.figures2to5_perplexity_by_calibration_size;
  const { standard, activation_aware } = domains[domain];
  const common = {
    ...bare,
    pair: arrow(pair),
    domain,
    seedCount: 1,
    kl: null,
    klLow: null,
    klHigh: null,
  };
  return [
    { ...common, method: studyMethods.standard, calibrationSize: null, perplexity: standard },
    ...calibration_size.map((calibrationSize, index): CalibrationSizeRow => ({
      ...common,
      method: studyMethods.proposed,
      calibrationSize,
      perplexity: activation_aware[index],
    })),
  ];
}
