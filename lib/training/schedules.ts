/** Learning rates over a run: functions of the step, with no state. */

/** η at a step, counted from 0. */
export type Schedule = (step: number) => number;

/**
 * η(t) = η_min + (η₀ − η_min) · (1 + cos(πt/T)) / 2 at step t = 0 … T − 1 (Loshchilov & Hutter 2017,
 * "SGDR", eq. 5; the numbers of torch's `CosineAnnealingLR`, whose recursion is the same while t ≤ T).
 */
export function cosine(steps: number, initial: number, minimum = 0): Schedule {
  return (step) => minimum + (initial - minimum) * (1 + Math.cos(Math.PI * step / steps)) / 2;
}

/** η₀ · (t + 1) / W for the first W steps, then a cosine over the rest from η₀ to a tenth of it. */
export function warmUpAndCosine(steps: number, warmUp: number, peak: number): Schedule {
  const falling = cosine(steps - warmUp, peak, peak / 10);
  return (step) => step < warmUp ? peak * (step + 1) / warmUp : falling(step - warmUp);
}
