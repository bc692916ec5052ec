/** Learning rates over a run: functions of the step, with no state. */

/** η at a step, counted from 0. */
export type Schedule = (step: number) => number;

/**
 * η(t) = η_min + (η₀ − η_min) · (1 + cos(πt/T)) / 2 at step t = 0 … T − 1 (Loshchilov & Hutter 2017,
 * "SGDR", eq. 5; the numbers of torch's `CosineAnnealingLR`, whose recursion is the same while t ≤ T).
 *
 * @example
 * ```ts
 * import { cosineSchedule } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([0, 5, 10].map(cosineSchedule(10, 0.2)), [0.2, 0.1, 0]);
 * ```
 */
export function cosineSchedule(steps: number, initial: number, minimum = 0): Schedule {
  return (step) => minimum + (initial - minimum) * (1 + Math.cos(Math.PI * step / steps)) / 2;
}

/**
 * η₀ · (t + 1) / W for the first W steps, then a cosine over the rest from η₀ to a tenth of it.
 *
 * @example
 * ```ts
 * import { warmUpAndCosineSchedule } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([0, 1, 3].map(warmUpAndCosineSchedule(100, 4, 0.2)), [0.05, 0.1, 0.2]);
 * ```
 */
export function warmUpAndCosineSchedule(steps: number, warmUp: number, peak: number): Schedule {
  const falling = cosineSchedule(steps - warmUp, peak, peak / 10);
  return (step) => step < warmUp ? peak * (step + 1) / warmUp : falling(step - warmUp);
}
