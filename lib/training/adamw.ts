/**
 * AdamW as torch defines it, over named arrays. Not a framework: no parameter groups, no state of
 * a schedule; the caller gives the learning rate of each step. Parameters that an engine holds step there,
 * `placed_adamw.ts`.
 */

/** Settings of AdamW, in torch's names and with torch's defaults where a caller gives none. */
export interface AdamWSettings {
  /** Decay of the mean of gradients and of their squares. */
  readonly betas: readonly [number, number];
  /** Added to the denominator. */
  readonly epsilon: number;
  /** Decoupled weight decay, as a fraction of the learning rate. */
  readonly weightDecay: number;
}

/** The defaults of `torch.optim.AdamW`. */
export const torchAdamW: AdamWSettings = { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 };

/** Running means of one parameter. */
export interface Moments {
  /** Of its gradients. */
  readonly first: Float32Array;
  /** Of their squares. */
  readonly second: Float32Array;
}

/** What of a step is the same for all elements: θ ← kept · θ − rate · m / (√v · correction + ε). */
export interface StepFactors {
  /** η / (1 − β₁ᵗ). */
  readonly rate: number;
  /** 1 / √(1 − β₂ᵗ). */
  readonly correction: number;
  /** 1 − ηλ. */
  readonly kept: number;
}

/**
 * Decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2):
 * θ ← θ − ηλθ − η · m̂ / (√v̂ + ε).
 *
 * @example
 * ```ts
 * import { AdamW } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const weights = Float32Array.of(1);
 * const optimizer = new AdamW(new Map([["weights", weights]]), { ...torchAdamW, weightDecay: 0 });
 * // The first step is of the learning rate, whatever the gradient's size.
 * optimizer.step(() => Float32Array.of(1000), 0.25);
 * assert.ok(Math.abs(weights[0] - 0.75) < 1e-6);
 * ```
 */
export class AdamW {
  /** As given. */
  readonly settings: AdamWSettings;
  /** Steps taken. */
  stepCount = 0;
  /** Running means, by parameter. */
  readonly moments: ReadonlyMap<string, Moments>;
  /** As given. */
  readonly parameters: ReadonlyMap<string, Float32Array>;

  /**
   * Before its first step.
   *
   * @param parameters changed in place by each step.
   */
  constructor(
    parameters: ReadonlyMap<string, Float32Array>,
    settings: AdamWSettings = torchAdamW,
  ) {
    this.settings = settings;
    this.parameters = parameters;
    this.moments = new Map(
      [...parameters].map(([name, { length }]) => [
        name,
        { first: new Float32Array(length), second: new Float32Array(length) },
      ]),
    );
  }

  /** Moves every parameter against `gradients(name)`; `null`: one that moves elsewhere. */
  step(gradients: (name: string) => Float32Array | null, learningRate: number): StepFactors {
    this.stepCount++;
    const { betas: [beta1, beta2], epsilon, weightDecay } = this.settings;
    const rate = learningRate / (1 - beta1 ** this.stepCount);
    const correction = 1 / Math.sqrt(1 - beta2 ** this.stepCount);
    const kept = 1 - learningRate * weightDecay;
    for (const [name, parameter] of this.parameters) {
      const gradient = gradients(name);
      if (!gradient) continue;
      const { first, second } = this.moments.get(name)!;
      for (let i = 0; i < parameter.length; i++) {
        const g = gradient[i];
        const m = first[i] = beta1 * first[i] + (1 - beta1) * g;
        const v = second[i] = beta2 * second[i] + (1 - beta2) * g * g;
        parameter[i] = kept * parameter[i] - rate * m / (Math.sqrt(v) * correction + epsilon);
      }
    }
    return { rate, correction, kept };
  }
}
