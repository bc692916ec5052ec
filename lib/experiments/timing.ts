/** A time that was taken several times: its median, and how far the repeats lie apart. */

import { median } from "simple-statistics";
import type { Interval } from "../evaluation/bootstrap.ts";

/** Seconds of one thing, in the order in which it was timed; other things were timed between them. */
export type Timing = readonly [first: number, ...others: number[]];

/** The median of the repeats between the fastest and the slowest; of one, that one three times. */
export function medianAndRange(timing: Timing): Interval {
  return { value: median([...timing]), low: Math.min(...timing), high: Math.max(...timing) };
}
