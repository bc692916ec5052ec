/**
 * The study's claims C1–C7, each judged by numbers: the published ones, or ours. A claim holds, does
 * not hold, or cannot be told: where intervals, or the repeats of a time, leave both open, as they do
 * of a time that was taken once. Published numbers came without either and count as they stand.
 */

import { linearRegression } from "simple-statistics";
import { decimals } from "../../util/numbers.ts";
import type { Interval } from "../../evaluation/bootstrap.ts";
import type { Evidence } from "./evidence.ts";
import { medianAndRange, type Timing } from "../../experiments/timing.ts";
import {
  allHold,
  differenceOf,
  isAbove,
  isAtLeast,
  isBare,
  isBelow,
  negated,
  ratioOf,
  type Verdict,
} from "./verdict.ts";

/** What the numbers say of a claim. */
export interface Judgement {
  /** `"C1"` to `"C7"`. */
  readonly id: string;
  /** `null` where the numbers cannot tell. */
  readonly holds: Verdict;
  /** The numbers it follows from, in a sentence. */
  readonly because: string;
}

/** What is said of published numbers. */
const UNPUBLISHED = "no intervals were published";

/**
 * Judges all claims by one source of numbers.
 *
 * @example
 * ```ts
 * import { judgeClaims, publishedEvidence, readPublishedNumbers } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * // The study's own numbers do not bear out all that it claims.
 * assert.ok(judgeClaims(publishedEvidence(published)).some(({ holds }) => !holds));
 * ```
 */
export function judgeClaims(evidence: Evidence): Judgement[] {
  return [
    independentOfBatchSize(evidence),
    betterInEveryDomain(evidence),
    largestInStructuredDomains(evidence),
    betterOnEveryPair(evidence),
    fasterAndBetterOnZephyr(evidence),
    fasterWithLowerPerplexity(evidence),
    tenfoldMemory(evidence),
  ];
}

/** Time that grows slower than this power of the batch size counts as independent of it. */
const FLAT = 0.1;

function independentOfBatchSize({ wallClock, isPublished }: Evidence): Judgement {
  const aware = wallClock.map((each) => [each.batchSize, each.activationAware] as const);
  const standard = wallClock.flatMap(({ batchSize, standard }) =>
    standard === null ? [] : [[batchSize, standard] as const]
  );
  if (aware.length < 2 || standard.length < 2) {
    const because = wallClock.length === 0
      ? "Figure 1 times the methods as the study ran them"
      : "fewer than two batch sizes were timed";
    return { id: "C1", holds: null, because };
  }
  const power = growth(aware, isPublished);
  const ofStandard = decimals(growth(standard, isPublished).value, 2);
  return {
    id: "C1",
    holds: allHold([isBelow(power, FLAT), isAbove(power, -FLAT)]),
    because: `time grows as the batch size to the power ${withRange(power, 2, "")}, standard's ` +
      `${ofStandard}; slowest over fastest ${decimals(slowestByFastest(aware), 2)} and ` +
      `${
        decimals(slowestByFastest(standard), 2)
      }; counted as independent below a power of ${FLAT}; ` +
      repeatsOf(aware.map(([, timing]) => timing)),
  };
}

type Timings = readonly (readonly [batchSize: number, Timing])[];

/**
 * k in seconds ∝ batchSizeᵏ, by least squares on the logarithms: of the medians, between the least and
 * the greatest of the repeats, each of which goes through all batch sizes.
 */
function growth(timings: Timings, isPublished: boolean): Interval {
  const powerOf = (seconds: (timing: Timing) => number) =>
    linearRegression(timings.map(([size, timing]) => [size, seconds(timing)].map(Math.log))).m;
  const value = powerOf((timing) => medianAndRange(timing).value);
  const repeats = leastRepeats(timings.map(([, timing]) => timing));
  if (repeats === 1 && !isPublished) return { value, low: -Infinity, high: Infinity };
  const powers = Array.from({ length: repeats }, (_, repeat) => powerOf((each) => each[repeat]));
  return { value, low: Math.min(value, ...powers), high: Math.max(value, ...powers) };
}

function slowestByFastest(timings: Timings): number {
  const seconds = timings.map(([, timing]) => medianAndRange(timing).value);
  return Math.max(...seconds) / Math.min(...seconds);
}

function betterInEveryDomain({ curves, isPublished }: Evidence): Judgement {
  const differences = curves.flatMap(({ points }) => points.map(({ difference }) => difference));
  return {
    id: "C2",
    holds: allHold(differences.map((each) => isBelow(each, 0))),
    because: `activation-aware is ${lowerAmong(differences, "at", isPublished)}`,
  };
}

/** The domains that the study calls structured. */
const STRUCTURED: readonly string[] = ["finance", "code"];

function largestInStructuredDomains({ curves, isPublished }: Evidence): Judgement {
  const gains = curves.filter(({ points }) => points.length > 0).map(({ domain, points }) => ({
    domain,
    gain: negated(meanOf(points.map(({ difference }) => difference))),
  })).sort((a, b) => b.gain.value - a.gain.value);
  const structured = gains.filter(({ domain }) => STRUCTURED.includes(domain));
  const others = gains.filter(({ domain }) => !STRUCTURED.includes(domain));
  if (structured.length < STRUCTURED.length || others.length === 0) {
    const because = `it takes ${STRUCTURED.join(", ")} and another domain to tell`;
    return { id: "C3", holds: null, because };
  }
  const gained = structured.map(({ gain }) => isAbove(gain, 0));
  const larger = structured.flatMap(({ gain }) =>
    others.map((other) => isAbove(differenceOf(gain, other.gain), 0))
  );
  const holds = allHold([...gained, ...larger]);
  const list = gains.map(({ domain, gain }) => `${domain} ${inPercent(gain)}`).join(", ");
  return {
    id: "C3",
    holds,
    because: [
      `gain by domain, mean over sizes: ${list}`,
      ...gained.includes(false) ? ["a structured domain gains nothing"] : [],
      ...larger.includes(false) ? ["another domain gains as much as a structured one"] : [],
      ...isPublished ? [UNPUBLISHED] : [],
      ...holds === null ? ["intervals leave open which domains gain, or gain more"] : [],
    ].join("; "),
  };
}

/** The mean, with the means of the ends: sizes are scored on the same documents and err together. */
function meanOf(differences: readonly Interval[]): Interval {
  const mean = (end: keyof Interval) =>
    differences.reduce((sum, each) => sum + each[end], 0) / differences.length;
  return { value: mean("value"), low: mean("low"), high: mean("high") };
}

type PairEvidence = Evidence["pairs"][number];

function betterOnEveryPair({ pairs, isPublished }: Evidence): Judgement {
  const unlike = pairs.filter(({ difference }) => isBelow(difference, 0) !== true);
  const without = (word: string, isOfThem: (difference: Interval) => boolean) => {
    const list = unlike.filter(({ difference }) => isOfThem(difference))
      .map((pair) => `${pair.name} ${perplexities(pair, isPublished)}`);
    return list.length > 0 ? `; ${word} ${list.join("; ")}` : "";
  };
  return {
    id: "C4",
    holds: allHold(pairs.map(({ difference }) => isBelow(difference, 0))),
    because: lowerAmong(pairs.map(({ difference }) => difference), "on", isPublished) +
      without("not on", ({ value }) => value >= 0) +
      without("not clearly on", ({ value }) => value < 0),
  };
}

function fasterAndBetterOnZephyr({ pairs, isPublished }: Evidence): Judgement {
  const pair = pairs.find(({ studyFine }) => studyFine === "Zephyr-7B-beta");
  if (!pair) return { id: "C5", holds: null, because: "no pair stands for Mistral → Zephyr" };
  const share = ratioOf(
    timeOf(pair.activationAwareTime, isPublished),
    timeOf(pair.standardTime, isPublished),
  );
  const reduction = { value: 1 - share.value, low: 1 - share.high, high: 1 - share.low };
  return {
    id: "C5",
    holds: allHold([isAbove(reduction, 0.5), isBelow(pair.difference, 0)]),
    because: `${pair.name}: ${inPercent(reduction)} less time, perplexity ` +
      `${perplexities(pair, isPublished)}; ${isPublished ? `${UNPUBLISHED}; ` : ""}` +
      repeatsOf([pair.standardTime, pair.activationAwareTime]),
  };
}

function fasterWithLowerPerplexity({ pairs, isPublished }: Evidence): Judgement {
  const ratios = pairs.map(({ standardTime, activationAwareTime }) =>
    ratioOf(timeOf(standardTime, isPublished), timeOf(activationAwareTime, isPublished))
  );
  const values = ratios.map(({ value }) => value);
  const [from, to] = [Math.min(...values), Math.max(...values)].map((each) => decimals(each, 2));
  const slowest = Math.min(...ratios.map(({ low }) => low));
  const timings = pairs.flatMap((each) => [each.standardTime, each.activationAwareTime]);
  const atWorst = leastRepeats(timings) === 1
    ? ""
    : `, by the slowest repeats ${decimals(slowest, 2)}`;
  return {
    id: "C6",
    holds: allHold([
      ...ratios.map((ratio) => isAtLeast(ratio, 1.5)),
      ...pairs.map(({ difference }) => isBelow(difference, 0)),
    ]),
    because: `${from === to ? from : `${from} to ${to}`} times as fast${atWorst}, perplexity ` +
      `${lowerAmong(pairs.map(({ difference }) => difference), "on", isPublished)}; ` +
      repeatsOf(timings),
  };
}

function tenfoldMemory({ bytes: { fine, delta } }: Evidence): Judgement {
  const models = 16;
  const served = models * fine / (fine + models * delta);
  return {
    id: "C7",
    holds: fine / delta > 10,
    because: `a fine-tune is ${decimals(fine / delta, 2)} times its delta in bytes, counted from ` +
      `shapes and without noise; ${models} fine-tunes are ${decimals(served, 2)} times one base ` +
      `and ${models} deltas`,
  };
}

/** `"lower on 3 of 4 pairs, by more than the 95 % interval on 2"`. */
function lowerAmong(
  differences: readonly Interval[],
  place: "on" | "at",
  isPublished: boolean,
): string {
  const count = (is: (each: Interval) => boolean) => differences.filter(is).length;
  const all = `${differences.length} ${place === "on" ? "pairs" : "points"}`;
  const lower = `lower ${place} ${count(({ value }) => value < 0)} of ${all}`;
  if (isPublished) return `${lower}, ${UNPUBLISHED}`;
  const above = count((each) => isAbove(each, 0) === true);
  return `${lower}, by more than the 95 % interval ${place} ` +
    count((each) => isBelow(each, 0) === true) +
    (above > 0 ? `, higher by more than it ${place} ${above}` : "");
}

function perplexities(pair: PairEvidence, isPublished: boolean): string {
  const numbers = `${decimals(pair.activationAwarePerplexity, 3)} against ` +
    decimals(pair.standardPerplexity, 3);
  return isPublished ? numbers : `${numbers}, by ${inPercent(pair.difference)}`;
}

/** A time between the ends of its repeats: how far one that we took once may be off is not known. */
function timeOf(timing: Timing, isPublished: boolean): Interval {
  const time = medianAndRange(timing);
  return timing.length > 1 || isPublished ? time : { ...time, low: 0, high: Infinity };
}

function leastRepeats(timings: readonly Timing[]): number {
  return Math.min(...timings.map(({ length }) => length));
}

/** How often each was timed: what the word of a median weighs. */
function repeatsOf(timings: readonly Timing[]): string {
  const least = leastRepeats(timings);
  return least === 1 ? "timed once, so without a range" : `medians of ${least} timings or more`;
}

function inPercent({ value, low, high }: Interval): string {
  return withRange({ value: 100 * value, low: 100 * low, high: 100 * high }, 1, " %");
}

function withRange(number: Interval, digits: number, unit: string): string {
  const [value, low, high] = [number.value, number.low, number.high]
    .map((each) => decimals(each, digits));
  if (!Number.isFinite(number.low)) return `${value}${unit} (no interval)`;
  return isBare(number) ? value + unit : `${value} [${low}, ${high}]${unit}`;
}
