/**
 * Verdicts of three values: yes, no, and `null` where noise decides. What is told apart is a number
 * with its interval from a bound; a number without one counts as it stands.
 */

import type { Interval } from "../../evaluation/bootstrap.ts";

/** Whether something is so; `null` where the numbers cannot tell. */
export type Verdict = boolean | null;

/** A number that came alone, with no word of how far it might have been another. */
export function bare(value: number): Interval {
  return { value, low: value, high: value };
}

/** Whether a number came alone. */
export function isBare({ low, high }: Interval): boolean {
  return low === high;
}

/** Whether a number lies below a bound: `null` where that parts its interval. */
export function isBelow({ low, high }: Interval, bound: number): Verdict {
  return high < bound ? true : low >= bound ? false : null;
}

/** Whether a number lies above a bound: `null` where that parts its interval. */
export function isAbove(number: Interval, bound: number): Verdict {
  return isBelow(negated(number), -bound);
}

/** Whether a number is a bound or above it: `null` where that parts its interval. */
export function isAtLeast(number: Interval, bound: number): Verdict {
  const below = isBelow(number, bound);
  return below === null ? null : !below;
}

/** Whether all of several things are so: one that is not decides, then one that cannot be told. */
export function allHold(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes(false)) return false;
  return verdicts.length === 0 || verdicts.includes(null) ? null : true;
}

/** −a, its ends changed about. */
export function negated({ value, low, high }: Interval): Interval {
  return { value: -value, low: -high, high: -low };
}

/**
 * a − b of two independent numbers, from the interval of each: distances to the ends add as the sides
 * of a right angle (the method of variance estimates recovery, Zou & Donner 2008).
 */
export function differenceOf(a: Interval, b: Interval): Interval {
  const value = a.value - b.value;
  return {
    value,
    low: value - Math.hypot(a.value - a.low, b.high - b.value),
    high: value + Math.hypot(a.high - a.value, b.value - b.low),
  };
}

/** a / b of two positive numbers, between the least and the greatest that their ends allow. */
export function ratioOf(a: Interval, b: Interval): Interval {
  return { value: a.value / b.value, low: a.low / b.high, high: a.high / b.low };
}
