/**
 * Models held against each other: ratios of their KL on the same documents and seeds. A win counts when its 95 %
 * interval excludes zero.
 */

import { type Interval, klOf, perplexityOf, type Statistic } from "../../evaluation/bootstrap.ts";
import { pairedSeededInterval, seededInterval } from "../../evaluation/seed_bootstrap.ts";
import type { Domain } from "../../texts/domains.ts";
import { GENERAL, headlineDomains } from "./protocol.ts";
import { type BeyondModelResult, type BeyondStudyResults, runsOn } from "./results.ts";

/** What models are held against each other by. */
export type BeyondMeasure = "kl" | "perplexity";

const STATISTICS: Readonly<Record<BeyondMeasure, Statistic>> = {
  kl: klOf,
  perplexity: perplexityOf,
};

/** A model's mean over its seeds on some domains, each weighing the same, with its interval. */
export function levelOf(
  model: BeyondModelResult,
  domains: readonly Domain[],
  measure: BeyondMeasure,
  { protocol }: BeyondStudyResults,
): Interval {
  return seededInterval(runsOn(model, domains), STATISTICS[measure], protocol.bootstrapSeed);
}

/** a / b − 1 on some domains; of seeds that only one of them has, those are left out that the other lacks. */
export function ratioTo(
  a: BeyondModelResult,
  b: BeyondModelResult,
  domains: readonly Domain[],
  measure: BeyondMeasure,
  { protocol }: BeyondStudyResults,
): Interval {
  const [first, second] = [seedsOf(a), seedsOf(b)];
  const shared = first.filter((seed) => second.includes(seed));
  const isSeeded = first[0] !== null && second[0] !== null;
  const runs = (model: BeyondModelResult) => {
    const all = runsOn(model, domains);
    return isSeeded ? all.filter((_, run) => shared.includes(seedsOf(model)[run])) : all;
  };
  return pairedSeededInterval(runs(a), runs(b), STATISTICS[measure], protocol.bootstrapSeed);
}

function seedsOf({ deltas }: BeyondModelResult): readonly (number | null)[] {
  return deltas.length === 0 ? [null] : deltas.map(({ seed }) => seed);
}

/** What a ratio says: a win, a loss, or neither where the interval holds zero. */
export type Outcome = "win" | "loss" | "open";

/** A lower number wins. */
export function outcomeOf({ low, high }: Interval): Outcome {
  return high < 0 ? "win" : low > 0 ? "loss" : "open";
}

/** What a model is told by on its pair: general text, its own domain's, both. */
export function textsOf(
  { pair }: Pick<BeyondModelResult, "pair">,
  { protocol }: BeyondStudyResults,
): {
  readonly general: readonly Domain[];
  readonly own: readonly Domain[];
  readonly both: readonly Domain[];
} {
  const both = headlineDomains(pair, protocol);
  return { general: [GENERAL], own: both.filter((each) => each !== GENERAL), both };
}
