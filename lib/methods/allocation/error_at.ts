/** A layer's error in as many bytes as were not measured. */

/** An error that was measured. */
export interface KnownError {
  readonly bytes: number;
  readonly error: number;
}

/** The least error that has a logarithm to go by. */
const LEAST = 1e-12;

/**
 * Its logarithm is taken to be piecewise linear in the bytes, as a rate that is added takes away a share of what is
 * left; beyond what was measured it goes on as between the last two. What was measured is given as it was.
 */
export function errorAt(bytes: number, known: readonly KnownError[]): number {
  const found = known.find((each) => each.bytes === bytes);
  if (found) return found.error;
  // Of a layer of few weights two rates may be the same form.
  const sorted = known.toSorted((a, b) => a.bytes - b.bytes)
    .filter((each, at, all) => each.bytes !== all[at - 1]?.bytes);
  if (sorted.length === 1) return sorted[0].error;
  const above = sorted.findIndex((each) => each.bytes > bytes);
  const end = above < 0 ? sorted.length - 1 : Math.max(1, above);
  const [from, to] = [sorted[end - 1], sorted[end]];
  const [low, high] = [from, to].map(({ error }) => Math.log(Math.max(LEAST, error)));
  return Math.exp(low + (high - low) * (bytes - from.bytes) / (to.bytes - from.bytes));
}
