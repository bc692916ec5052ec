/** Intervals by resampling documents: how much a number would move had other documents been drawn. */

import { quantileSorted } from "simple-statistics";
import { DivergenceError } from "../util/errors.ts";
import { SeededRandom } from "../util/random.ts";
import { type DocumentScores, sumOf } from "./scores.ts";

/** A number with the 2.5 % and 97.5 % quantiles of its bootstrap distribution. */
export interface Interval {
  /** Of all documents. */
  readonly value: number;
  /** The 2.5 % quantile. */
  readonly low: number;
  /** The 97.5 % quantile. */
  readonly high: number;
}

/** Resamples of a bootstrap; the quantiles' own error is then about 2 % of the interval. */
const RESAMPLES = 2000;

/** What is estimated, from the summed scores of a sample of documents. */
export type Statistic = (sum: DocumentScores) => number;

/**
 * exp of the mean NLL a token.
 *
 * @example
 * ```ts
 * import { perplexityOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, nll: 20, kl: 5, agreement: 8 };
 * assert.equal(perplexityOf(scores), Math.exp(2));
 * ```
 */
export function perplexityOf({ nll, tokens }: DocumentScores): number {
  return Math.exp(nll / tokens);
}

/**
 * Mean KL a token; NaN where there was no reference.
 *
 * @example
 * ```ts
 * import { klOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, nll: 20, kl: 5, agreement: 8 };
 * assert.equal(klOf(scores), 0.5);
 * ```
 */
export function klOf({ kl, tokens }: DocumentScores): number {
  return (kl ?? NaN) / tokens;
}

/**
 * Share of tokens on which model and reference agree; NaN where there was no reference.
 *
 * @example
 * ```ts
 * import { agreementOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, nll: 20, kl: 5, agreement: 8 };
 * assert.equal(agreementOf(scores), 0.8);
 * ```
 */
export function agreementOf({ agreement, tokens }: DocumentScores): number {
  return (agreement ?? NaN) / tokens;
}

/** NLL in bits for each byte of the text. */
export function bitsPerByteOf({ nll, bytes }: DocumentScores): number {
  return nll / Math.LN2 / bytes;
}

/**
 * Percentile interval of `statistic` over documents drawn with replacement (Efron & Tibshirani 1993,
 * section 13.3).
 *
 * @throws {DivergenceError} if an end of it is infinite.
 *
 * @example
 * ```ts
 * import { bootstrapInterval, perplexityOf } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, kl: null, agreement: null };
 * const documents = [{ ...scores, nll: 10 }, { ...scores, nll: 30 }];
 * const { value, low, high } = bootstrapInterval(documents, perplexityOf, 1);
 * assert.deepEqual([value, low, high], [2, 1, 3].map(Math.exp));
 * ```
 */
export function bootstrapInterval(
  documents: readonly DocumentScores[],
  statistic: Statistic,
  seed: number,
): Interval {
  return resampled(documents.length, seed, (drawn) => statistic(sumOf(documents, drawn)));
}

/** How a number is held against another. */
export type Comparison = (a: number, b: number) => number;

/**
 * a / b − 1: for perplexity and KL.
 *
 * @example
 * ```ts
 * import { relative } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(relative(3, 2), 0.5);
 * ```
 */
export function relative(a: number, b: number): number {
  return a / b - 1;
}

/**
 * a − b: for shares.
 *
 * @example
 * ```ts
 * import { difference } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(difference(3, 2), 1);
 * ```
 */
export function difference(a: number, b: number): number {
  return a - b;
}

/**
 * Interval of statistic(a) against statistic(b), the same documents drawn for both: what the documents
 * have in common cancels.
 *
 * @param a and b: scores of the same documents in the same order.
 * @throws {DivergenceError} if an end of it is infinite.
 *
 * @example
 * ```ts
 * import { pairedBootstrapInterval, perplexityOf, relative } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, kl: null, agreement: null };
 * const a = [{ ...scores, nll: 10 }, { ...scores, nll: 30 }];
 * const b = a.map((each) => ({ ...each, nll: each.nll + 10 }));
 * // Both models find the same documents hard: their ratio is sure though each is not.
 * const { low, high } = pairedBootstrapInterval(b, a, perplexityOf, 1, relative);
 * assert.ok(Math.abs(low - (Math.E - 1)) < 1e-9 && Math.abs(high - (Math.E - 1)) < 1e-9);
 * ```
 */
export function pairedBootstrapInterval(
  a: readonly DocumentScores[],
  b: readonly DocumentScores[],
  statistic: Statistic,
  seed: number,
  comparison: Comparison = relative,
): Interval {
  if (a.length !== b.length || a.some(({ name }, index) => name !== b[index].name)) {
    throw new RangeError("a paired bootstrap needs scores of the same documents");
  }
  return resampled(
    a.length,
    seed,
    (drawn) => comparison(statistic(sumOf(a, drawn)), statistic(sumOf(b, drawn))),
  );
}

/** Scores of several runs over the same documents as one: the mean of each sum. */
export function meanOverRuns(runs: readonly (readonly DocumentScores[])[]): DocumentScores[] {
  return runs[0].map((_, document) => {
    const sum = sumOf(runs.map((run) => run[document]));
    const share = (value: number | null) => value === null ? null : value / runs.length;
    return {
      name: sum.name,
      tokens: sum.tokens / runs.length,
      bytes: sum.bytes / runs.length,
      nll: sum.nll / runs.length,
      kl: share(sum.kl),
      agreement: share(sum.agreement),
    };
  });
}

function resampled(
  count: number,
  seed: number,
  estimate: (drawn?: Int32Array) => number,
): Interval {
  const estimates = draws(count, seed).map((drawn) => estimate(drawn)).sort((x, y) => x - y);
  const interval = {
    value: estimate(),
    low: quantileSorted(estimates, 0.025),
    high: quantileSorted(estimates, 0.975),
  };
  // NaN stands for what is not known of these documents.
  if (!Object.values(interval).some((end) => Math.abs(end) === Infinity)) return interval;
  throw new DivergenceError({
    problem: "an interval over documents is infinite",
    value: [interval.low, interval.value, interval.high],
    expected: "scores of a model that has not diverged",
  });
}

let latest: undefined | {
  readonly count: number;
  readonly seed: number;
  readonly drawn: Int32Array[];
};

/**
 * The documents of each resample, by place. Numbers over the same documents come one after another, so that
 * the latest are kept.
 */
function draws(count: number, seed: number): readonly Int32Array[] {
  if (latest?.count !== count || latest.seed !== seed) {
    const random = new SeededRandom(seed);
    const draw = () => Int32Array.from({ length: count }, () => random.integer(count));
    latest = { count, seed, drawn: Array.from({ length: RESAMPLES }, draw) };
  }
  return latest.drawn;
}
