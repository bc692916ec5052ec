/** First weights of a base: the usual scheme for small decoders. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { tensorNames, tensorShape } from "../checkpoint/weights.ts";
import { elementCount } from "../graph/graph.ts";
import { SeededRandom } from "../util/random.ts";

/** Standard deviation of a weight that does not write into the residual stream. */
const DEVIATION = 0.02;

/**
 * Norm weights 1, all others normal with deviation 0.02; the two projections that write into the
 * residual stream 0.02/√(2 · layers), as GPT-2 scales them (Radford et al. 2019, section 2.3).
 */
export function initialWeights(config: DecoderConfig, seed: number): Map<string, Float32Array> {
  const random = new SeededRandom(seed);
  return new Map(
    tensorNames(config).map((name) => {
      const count = elementCount(tensorShape(config, name));
      if (name.endsWith("norm.weight")) return [name, new Float32Array(count).fill(1)];
      const writesResidual = /(o_proj|down_proj)\.weight$/.test(name);
      const deviation = DEVIATION / (writesResidual ? Math.sqrt(2 * config.layerCount) : 1);
      return [name, Float32Array.from({ length: count }, () => deviation * random.normal())];
    }),
  );
}
