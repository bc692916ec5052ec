/**
 * Intervals over documents and seeds of calibration text together: how much a number would move had other documents
 * been scored and other texts been calibrated with. Of one run the same as an interval over documents
 * (`bootstrap.ts`).
 */

import { quantileSorted } from "simple-statistics";
import { SeededRandom } from "../util/random.ts";
import { type Comparison, type Interval, relative, type Statistic } from "./bootstrap.ts";
import type { DocumentScores } from "./scores.ts";

/** A model's scores: of each run the same documents in the same order, a run a seed. */
export type SeededRuns = readonly (readonly DocumentScores[])[];

/** Resamples, as of an interval over documents. */
const RESAMPLES = 2000;

/** How often each document and each run is drawn. */
interface Draw {
  readonly documents: Int32Array;
  readonly runs: readonly number[];
}

/**
 * Percentile interval of `statistic` over documents and runs, both drawn with replacement and crossed: each drawn
 * document counts in each drawn run, for runs are scored on the same documents (Owen 2007, "The pigeonhole
 * bootstrap").
 *
 * @throws {RangeError} if runs are of different documents.
 *
 * @example
 * ```ts
 * import { klOf, seededInterval } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, nll: 20, agreement: 8 };
 * const runs = [[{ ...scores, kl: 1 }], [{ ...scores, kl: 3 }]];
 * assert.deepEqual(seededInterval(runs, klOf, 1), { value: 0.2, low: 0.1, high: 0.3 });
 * ```
 */
export function seededInterval(runs: SeededRuns, statistic: Statistic, seed: number): Interval {
  checkPaired([runs]);
  const random = new SeededRandom(seed);
  return resampled(
    () => statistic(drawnSum(runs, drawOf(runs.length, runs[0].length, random))),
    statistic(drawnSum(runs, everything(runs.length, runs[0].length))),
  );
}

/**
 * Interval of statistic(a) against statistic(b), the same documents drawn for both; the same runs too where both have
 * as many, those of one seed after those of another. A model of one run, which depends on no seed, stands against
 * each.
 *
 * @throws {RangeError} if runs are of different documents.
 *
 * @example
 * ```ts
 * import { klOf, pairedSeededInterval } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const scores = { name: "a", tokens: 10, bytes: 40, nll: 20, agreement: 8 };
 * const better = [1, 3].map((kl) => [{ ...scores, kl }]);
 * const worse = [2, 6].map((kl) => [{ ...scores, kl }]);
 * // What a text is like to calibrate with, both runs of a seed have in common.
 * assert.deepEqual(pairedSeededInterval(better, worse, klOf, 1), { value: -0.5, low: -0.5, high: -0.5 });
 * ```
 */
export function pairedSeededInterval(
  a: SeededRuns,
  b: SeededRuns,
  statistic: Statistic,
  seed: number,
  comparison: Comparison = relative,
): Interval {
  checkPaired([a, b]);
  const random = new SeededRandom(seed);
  const count = a[0].length;
  const compare = (first: Draw, second: Draw) =>
    comparison(statistic(drawnSum(a, first)), statistic(drawnSum(b, second)));
  return resampled(() => {
    const first = drawOf(a.length, count, random);
    const runs = a.length === b.length ? first.runs : drawnRuns(b.length, random);
    return compare(first, { ...first, runs });
  }, compare(everything(a.length, count), everything(b.length, count)));
}

function resampled(estimate: () => number, value: number): Interval {
  const estimates = Array.from({ length: RESAMPLES }, estimate).sort((x, y) => x - y);
  const [low, high] = [0.025, 0.975].map((quantile) => quantileSorted(estimates, quantile));
  return { value, low, high };
}

function drawOf(runs: number, documents: number, random: SeededRandom): Draw {
  const counts = new Int32Array(documents);
  for (let drawn = 0; drawn < documents; drawn++) counts[random.integer(documents)]++;
  return { documents: counts, runs: drawnRuns(runs, random) };
}

function drawnRuns(count: number, random: SeededRandom): number[] {
  return Array.from({ length: count }, () => random.integer(count));
}

function everything(runs: number, documents: number): Draw {
  return {
    documents: new Int32Array(documents).fill(1),
    runs: Array.from({ length: runs }, (_, index) => index),
  };
}

function drawnSum(scores: SeededRuns, { documents, runs }: Draw): DocumentScores {
  let [tokens, bytes, nll, kl, agreement] = [0, 0, 0, 0, 0];
  for (const run of runs) {
    for (let index = 0; index < documents.length; index++) {
      const [count, each] = [documents[index], scores[run][index]];
      tokens += count * each.tokens;
      bytes += count * each.bytes;
      nll += count * each.nll;
      kl += count * (each.kl ?? NaN);
      agreement += count * (each.agreement ?? NaN);
    }
  }
  return { name: scores[0][0].name, tokens, bytes, nll, kl, agreement };
}

function checkPaired(all: readonly SeededRuns[]): void {
  const [[first]] = all;
  const isAlike = (run: readonly DocumentScores[]) =>
    run.length === first.length && run.every(({ name }, index) => name === first[index].name);
  if (all.every((runs) => runs.every(isAlike))) return;
  throw new RangeError("runs over seeds need scores of the same documents");
}
