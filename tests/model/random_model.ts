/** A decoder of a few hundred random weights, small enough for plain loops. */

import { elementCount } from "../../lib/checkpoint/tensor.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { storedTensor, tensorNames, tensorShape } from "../../lib/checkpoint/weights.ts";
import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import type { PlainWeights } from "./plain/decoder.ts";

/** Grouped queries, heads wider together than the residual stream, a window of 3 tokens. */
export const tinyConfig: DecoderConfig = {
  architecture: "MistralForCausalLM",
  vocabularySize: 17,
  hiddenSize: 12,
  intermediateSize: 10,
  layerCount: 2,
  headCount: 4,
  keyValueHeadCount: 2,
  headSize: 4,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  slidingWindow: 3,
  tiedEmbeddings: false,
  maximumPositions: 64,
  bosToken: 1,
  eosToken: 2,
};

/** Weights in memory. */
export interface RandomModel extends WeightSource {
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

/** Normal weights of deviation 0.3; norm weights near 1. */
export function randomModel(config: DecoderConfig, seed: number): RandomModel {
  const random = new SeededRandom(seed);
  const tensors = new Map(
    tensorNames(config).map((name) => {
      const centre = name.endsWith("norm.weight") ? 1 : 0;
      const length = elementCount(tensorShape(config, name));
      return [name, Float32Array.from({ length }, () => centre + 0.3 * random.normal())];
    }),
  );
  return {
    config,
    name: `random ${seed}`,
    tensors,
    has: (tensor) => tensors.has(storedTensor(config, tensor)),
    readFloat32: (tensor) => Promise.resolve(tensors.get(storedTensor(config, tensor))!),
  };
}

/** The weights in the numbers that plain loops take. */
export function plainWeights({ tensors }: RandomModel): PlainWeights {
  return Object.fromEntries(
    [...tensors].map(([tensor, values]) => [tensor, Float64Array.from(values)]),
  );
}

/** Random tokens of the model's vocabulary. */
export function randomTokens(config: DecoderConfig, count: number, seed: number): Int32Array {
  const random = new SeededRandom(seed);
  return Int32Array.from({ length: count }, () => random.integer(config.vocabularySize));
}
