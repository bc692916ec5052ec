/** AdamW as its paper writes it, and gradients of very different sizes to try it on. */

import { type AdamWSettings, torchAdamW } from "../../lib/training/adamw.ts";
import { SeededRandom } from "../../lib/util/random.ts";

/** Settings that differ in all there is. */
export const SETTINGS: AdamWSettings[] = [
  torchAdamW,
  { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 },
  { betas: [0.5, 0.8], epsilon: 1e-3, weightDecay: 0 },
];

/** One parameter through Loshchilov & Hutter's algorithm 2, line by line, in float64. */
export function plainAdamW(
  start: number,
  gradients: readonly number[],
  rates: readonly number[],
  { betas: [beta1, beta2], epsilon, weightDecay }: AdamWSettings,
): number {
  let [theta, m, v] = [start, 0, 0];
  gradients.forEach((g, index) => {
    const t = index + 1;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g ** 2;
    const mHat = m / (1 - Math.pow(beta1, t));
    const vHat = v / (1 - Math.pow(beta2, t));
    theta -= rates[index] * (mHat / (Math.sqrt(vHat) + epsilon) + weightDecay * theta);
  });
  return theta;
}

/** First numbers of a parameter, with a gradient and a learning rate for each step. */
export interface DrawnSteps {
  readonly start: Float32Array;
  readonly gradients: readonly Float32Array[];
  readonly rates: readonly number[];
}

/** Draws them: a step's gradients are of sizes from 1e-6 to 300, and 0. */
export function drawnSteps(seed: number, steps: number): DrawnSteps {
  const random = new SeededRandom(seed);
  const rates = Array.from({ length: steps }, (_, step) => 0.01 * (1 - step / steps));
  const sizes = [1e-6, 1e-2, 1, 300, 0];
  const draw = () => Float32Array.from(sizes, (size) => size * random.normal());
  const start = draw().map((x) => x + 1);
  return { start, gradients: Array.from({ length: steps }, draw), rates };
}

/** Where the plain algorithm ends. */
export function plainEnd({ start, gradients, rates }: DrawnSteps, settings: AdamWSettings) {
  return [...start].map((theta, i) =>
    plainAdamW(theta, gradients.map((each) => each[i]), rates, settings)
  );
}
