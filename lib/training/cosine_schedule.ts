/** The learning rate over a run, as torch's `CosineAnnealingLR` with no restarts. */

/**
 * η(t) = η_min + (η₀ − η_min) · (1 + cos(πt/T)) / 2 at step t = 0 … T − 1 (Loshchilov & Hutter 2017,
 * "SGDR", eq. 5; torch's recursion gives the same numbers while t ≤ T).
 */
export function cosineLearningRate(
  step: number,
  totalSteps: number,
  initial: number,
  minimum = 0,
): number {
  return minimum + (initial - minimum) * (1 + Math.cos(Math.PI * step / totalSteps)) / 2;
}
