/**
 * The frequencies of rotary positions as a configuration scales them, as float32.
 *
 * Scaled ones are rounded step by step as transformers' tensors are: at a position of 100,000 the last bit
 * of a frequency is a hundredth of a radian. Unscaled ones are θ^(−2i/d) rounded once, which is never further
 * from it. Not here: which scaling a `config.json` asks for (`settings/rope_scaling.ts`); angles and
 * rotations (`graph/ops/rotary.ts`).
 *
 * Su et al. 2021 (RoFormer); linear: Chen et al. 2023; dynamic: NTK-aware interpolation by the length of
 * the sequence; yarn: Peng et al. 2023; llama3: Llama 3.1's reference code.
 */

import type { DecoderConfig } from "./config.ts";
import type { RopeScaling } from "./settings/rope_scaling.ts";

/** How heads are rotated. */
export interface RotaryFrequencies {
  /** Radians a position of each pair of features (i, i + d/2), `[headSize / 2]`. */
  readonly frequencies: Float32Array;
  /** By how much cosines and sines are longer than 1, as YaRN lengthens queries and keys. */
  readonly attentionFactor: number;
}

/** What frequencies follow from. */
export type RotaryConfig = Pick<DecoderConfig, "headSize" | "ropeTheta" | "ropeScaling">;

const { fround } = Math;

/**
 * Frequencies for a sequence of so many tokens, on which those of `dynamic` depend.
 *
 * Up to the original positions `dynamic` is as if unscaled. Beyond, each sequence has its own, as in transformers
 * 5; 4 keeps what the longest so far needed.
 */
export function rotaryFrequencies(config: RotaryConfig, sequence: number): RotaryFrequencies {
  const { headSize, ropeTheta, ropeScaling: scaling } = config;
  const of = (frequency: (pair: number) => number) =>
    Float32Array.from({ length: headSize / 2 }, (_, pair) => frequency(pair));
  const attentionFactor = scaling?.type === "yarn" ? scaling.attentionFactor : 1;
  /** θ^(2i/d) in float32. */
  const power = (base: number, pair: number) => fround(fround(base) ** fround(2 * pair / headSize));
  const inverse = (base: number, pair: number) => fround(1 / power(base, pair));
  switch (scaling?.type) {
    case undefined:
      return { frequencies: of((pair) => ropeTheta ** (-2 * pair / headSize)), attentionFactor };
    case "linear": {
      const factor = fround(scaling.factor);
      return { frequencies: of((pair) => inverse(ropeTheta, pair) / factor), attentionFactor };
    }
    case "dynamic": {
      const base = dynamicBase(scaling, ropeTheta, headSize, sequence);
      return { frequencies: of((pair) => inverse(base, pair)), attentionFactor };
    }
    case "llama3":
      return {
        frequencies: of((pair) => llama3(scaling, inverse(ropeTheta, pair))),
        attentionFactor,
      };
    case "yarn": {
      const blend = yarnBlend(scaling, ropeTheta, headSize);
      return { frequencies: of((pair) => blend(pair, power(ropeTheta, pair))), attentionFactor };
    }
  }
}

/**
 * Tokens of the longest sequence that a model's positions are made for, as they are scaled: of type `dynamic`
 * any number. Where `max_position_embeddings` is that of before the scaling, as in Qwen's recipe of YaRN, it is
 * as many times as long as the factor says.
 *
 * @example
 * ```ts
 * import { configurationLike, longestSequence } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(longestSequence(await configurationLike("llama-3.1-8b")), 131072);
 * ```
 */
export function longestSequence(
  { maximumPositions, ropeScaling: scaling }: Pick<
    DecoderConfig,
    "maximumPositions" | "ropeScaling"
  >,
): number {
  if (!scaling) return maximumPositions;
  switch (scaling.type) {
    case "dynamic":
      return Infinity;
    case "linear":
      return Math.floor(scaling.factor * maximumPositions);
    default:
      return Math.max(maximumPositions, Math.floor(scaling.factor * scaling.originalPositions));
  }
}

type Scaling<Type extends RopeScaling["type"]> = Extract<RopeScaling, { type: Type }>;

/** θ · (factor · n/N − (factor − 1))^(d/(d−2)) of n tokens, where they are more than the original N. */
function dynamicBase(
  { factor, originalPositions }: Scaling<"dynamic">,
  theta: number,
  headSize: number,
  sequence: number,
): number {
  if (sequence <= originalPositions) return theta;
  const stretched = fround(fround(fround(factor) * sequence) / originalPositions);
  const growth = fround(stretched - fround(factor - 1));
  // The exponent is no tensor in the reference.
  return fround(fround(theta) * fround(growth ** (headSize / (headSize - 2))));
}

/**
 * A frequency f of wavelength λ = 2π/f, against N/low and N/high of the original N positions: divided by the
 * factor where λ is longer than both, itself where it is shorter, and between
 * (1 − s) · f / factor + s · f with s = (N/λ − low) / (high − low).
 */
function llama3(scaling: Scaling<"llama3">, frequency: number): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  const wavelength = fround(fround(1 / frequency) * fround(2 * Math.PI));
  if (wavelength > fround(originalPositions / low)) return frequency / fround(factor);
  if (wavelength < fround(originalPositions / high)) return frequency;
  const waves = fround(fround(1 / wavelength) * originalPositions);
  const smooth = fround(fround(waves - fround(low)) / fround(high - low));
  const divided = fround(fround(fround(1 - smooth) * frequency) / fround(factor));
  return divided + fround(smooth * frequency);
}

/**
 * A frequency f = 1/θ^(2i/d): ramp · f / factor + (1 − ramp) · f. The ramp rises from 0 to 1 between the
 * pairs that turn `betaFast` and `betaSlow` times within the original N positions,
 * i = d · ln(N / (2π · beta)) / (2 · ln θ), in whole numbers where `truncate` says so.
 */
function yarnBlend(scaling: Scaling<"yarn">, theta: number, headSize: number) {
  const { factor, originalPositions, betaFast, betaSlow, truncate } = scaling;
  const pairOf = (turns: number) =>
    headSize * Math.log(originalPositions / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
  const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
  const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
  let high = Math.min(truncate ? Math.ceil(slow) : slow, headSize - 1);
  // A ramp needs a width.
  if (low === high) high += 0.001;
  return (pair: number, power: number): number => {
    const risen = fround(fround(pair - fround(low)) / fround(high - low));
    const kept = fround(1 - Math.min(Math.max(risen, 0), 1));
    const interpolated = fround(1 / fround(fround(factor) * power));
    return fround(interpolated * fround(1 - kept)) + fround(fround(1 / power) * kept);
  };
}
