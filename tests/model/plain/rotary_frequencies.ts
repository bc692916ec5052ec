/**
 * Frequencies of rotary positions in float64, written from the publications: RoFormer (Su et al. 2021),
 * position interpolation (Chen et al. 2023), NTK-aware scaling by length (bloc97 and emozilla 2023), YaRN
 * (Peng et al. 2023, section 3) and Llama 3.1's reference code.
 */

import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import type { Turns } from "../../graph/plain/attention.ts";

/** Frequencies of one head for a sequence of so many tokens. */
export function plainFrequencies(
  { headSize, ropeTheta, ropeScaling: scaling }: Pick<
    DecoderConfig,
    "headSize" | "ropeTheta" | "ropeScaling"
  >,
  sequence: number,
): Turns {
  let base = ropeTheta;
  if (scaling?.type === "dynamic") {
    const [length, original] = [
      Math.max(sequence, scaling.originalPositions),
      scaling.originalPositions,
    ];
    const stretch = scaling.factor * length / original - (scaling.factor - 1);
    base *= stretch ** (headSize / (headSize - 2));
  }
  const frequencies = Array.from({ length: headSize / 2 }, (_, pair) => {
    const frequency = base ** (-2 * pair / headSize);
    if (scaling?.type === "linear") return frequency / scaling.factor;
    if (scaling?.type === "llama3") {
      const wavelength = 2 * Math.PI / frequency;
      const { lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
      // 1 where a wave fits `high` times into the original positions, 0 where it fits `low` times.
      const kept = clamp((originalPositions / wavelength - low) / (high - low));
      return frequency * (kept + (1 - kept) / scaling.factor);
    }
    if (scaling?.type === "yarn") {
      const { betaFast, betaSlow, originalPositions, truncate } = scaling;
      /** The pair that turns so many times within the original positions, by its frequency. */
      const pairOf = (turns: number) =>
        headSize / 2 * Math.log(originalPositions / (2 * Math.PI * turns)) / Math.log(base);
      const first = Math.max(truncate ? Math.floor(pairOf(betaFast)) : pairOf(betaFast), 0);
      const end = truncate ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow);
      const last = Math.min(end, headSize - 1);
      const width = last === first ? 0.001 : last - first;
      const divided = clamp((pair - first) / width);
      return frequency * (1 - divided + divided / scaling.factor);
    }
    return frequency;
  });
  return {
    frequencies,
    attentionFactor: scaling?.type === "yarn" ? scaling.attentionFactor : 1,
  };
}

function clamp(share: number): number {
  return Math.min(Math.max(share, 0), 1);
}
