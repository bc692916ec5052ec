/**
 * Small made-up checkpoints, and folders to put them in, for tests of files and errors.
 */

import { join } from "node:path";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { elementCount, type FloatType, fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { tensorNames, tensorShape, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { SeededRandom } from "../../lib/util/random.ts";

/** Two layers with grouped queries; none of its widths is a multiple of 32. */
export const TINY_CONFIG: DecoderConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 11,
  hiddenSize: 12,
  intermediateSize: 40,
  layerCount: 2,
  headCount: 2,
  keyValueHeadCount: 1,
  headSize: 6,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  slidingWindow: null,
  tiedEmbeddings: false,
  maximumPositions: 64,
  bosToken: 1,
  eosToken: 2,
};

/** The same with all that few decoders have: biases, norms of heads, a window on one layer, scaled positions. */
export const EVERYTHING: DecoderConfig = {
  ...TINY_CONFIG,
  architecture: "Qwen3ForCausalLM",
  headSize: 8,
  slidingWindow: 3,
  ropeScaling: {
    type: "yarn",
    factor: 4,
    originalPositions: 16,
    attentionFactor: 1.25,
    betaFast: 32,
    betaSlow: 1,
    truncate: true,
  },
  slidingLayers: [false, true],
  attentionBias: "qkvo",
  queryKeyNorms: true,
};

/** Made once each: large ones take long, and several tests want the same. */
const made = new Map<string, ReadonlyMap<string, Float32Array>>();

function randomWeights(config: DecoderConfig, seed: number): ReadonlyMap<string, Float32Array> {
  const key = JSON.stringify([config, seed]);
  const known = made.get(key);
  if (known) return known;
  const random = new SeededRandom(seed);
  const weights = new Map(
    tensorNames(config).map((tensor) => {
      const values = new Float32Array(elementCount(tensorShape(config, tensor)));
      for (let i = 0; i < values.length; i++) values[i] = random.normal();
      return [tensor, values];
    }),
  );
  made.set(key, weights);
  return weights;
}

/** Weights in memory; `change` may replace the values of a tensor. */
export function tinySource(
  config: DecoderConfig,
  seed: number,
  change: (tensor: string, values: Float32Array) => void = () => {},
): WeightSource {
  const weights = new Map(
    Array.from(randomWeights(config, seed), ([tensor, values]) => {
      const own = values.slice();
      change(tensor, own);
      return [tensor, own];
    }),
  );
  return {
    config,
    name: `tiny ${seed}`,
    has: (tensor) => weights.has(tensor),
    readFloat32: (tensor) => Promise.resolve(weights.get(tensor)!),
  };
}

/** Saves a tiny checkpoint into a folder of its own; `change` may give it values that are not finite. */
export async function saveTiny(
  directory: string,
  {
    config = TINY_CONFIG,
    seed = 1,
    dtype = "F32" as FloatType,
    change = undefined as
      | ((tensor: string, values: Float32Array) => void)
      | undefined,
  } = {},
): Promise<string> {
  await saveCheckpoint(directory, tinySource(config, seed), { dtype });
  if (!change) return directory;
  const source = tinySource(config, seed, change);
  const tensors = await Promise.all(
    tensorNames(config).map(async (name) => {
      const bytes = fromFloat32(await source.readFloat32(name), dtype);
      return { name, dtype, shape: tensorShape(config, name), bytes };
    }),
  );
  await writeSafetensors(join(directory, "model.safetensors"), tensors);
  return directory;
}

/** A new folder, removed at the end of its scope: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Names of all files in a folder, sorted. */
export function filesIn(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}
