/**
 * Whose shapes a made pair has: a few published decoders by name, or a `config.json` of the user's.
 *
 * Facts alone, as each model's `config.json` on the Hub has them. Not here: weights, which no table
 * gives.
 */

import { join } from "node:path";
import { CONFIG_FILE, type DecoderConfig, parseConfig } from "../../../checkpoint/config.ts";
import { tensorShape } from "../../../checkpoint/weights.ts";
import type { StatedTensors } from "../../../methods/closed_form.ts";
import { ConfigError, OptionError } from "../../../util/errors.ts";
import { readJsonFile } from "../../../util/json_file.ts";

/** What most of them have. */
const common = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 32000,
  headSize: 128,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  slidingWindow: null,
  tiedEmbeddings: false,
  bosToken: 1,
  eosToken: 2,
} as const;

const llama7b: DecoderConfig = {
  ...common,
  hiddenSize: 4096,
  intermediateSize: 11008,
  layerCount: 32,
  headCount: 32,
  keyValueHeadCount: 32,
  maximumPositions: 4096,
};

const llama38b: DecoderConfig = {
  ...llama7b,
  vocabularySize: 128256,
  intermediateSize: 14336,
  keyValueHeadCount: 8,
  ropeTheta: 500000,
  maximumPositions: 8192,
  bosToken: 128000,
  eosToken: 128001,
};

const qwen: DecoderConfig = {
  ...llama7b,
  architecture: "Qwen2ForCausalLM",
  normEpsilon: 1e-6,
  ropeTheta: 1000000,
  bosToken: 151643,
  eosToken: 151643,
};

/** Published decoders by a short name. */
export const publishedConfigurations: Readonly<Record<string, DecoderConfig>> = {
  "llama-2-7b": llama7b,
  "llama-2-13b": {
    ...llama7b,
    hiddenSize: 5120,
    intermediateSize: 13824,
    layerCount: 40,
    headCount: 40,
    keyValueHeadCount: 40,
  },
  "llama-3-8b": llama38b,
  "llama-3.1-8b": {
    ...llama38b,
    maximumPositions: 131072,
    ropeScaling: {
      type: "llama3",
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 8192,
    },
  },
  "mistral-7b-v0.1": {
    ...llama7b,
    architecture: "MistralForCausalLM",
    intermediateSize: 14336,
    keyValueHeadCount: 8,
    slidingWindow: 4096,
    maximumPositions: 32768,
  },
  "qwen2.5-7b": {
    ...qwen,
    vocabularySize: 152064,
    hiddenSize: 3584,
    intermediateSize: 18944,
    layerCount: 28,
    headCount: 28,
    keyValueHeadCount: 4,
    maximumPositions: 131072,
    attentionBias: "qkv",
  },
  "qwen3-8b": {
    ...qwen,
    architecture: "Qwen3ForCausalLM",
    vocabularySize: 151936,
    intermediateSize: 12288,
    layerCount: 36,
    keyValueHeadCount: 8,
    maximumPositions: 40960,
    eosToken: 151645,
    queryKeyNorms: true,
  },
  "tinyllama-1.1b": {
    ...common,
    hiddenSize: 2048,
    intermediateSize: 5632,
    layerCount: 22,
    headCount: 32,
    keyValueHeadCount: 4,
    headSize: 64,
    maximumPositions: 2048,
  },
};

/**
 * The configuration of a published decoder, or of a `config.json` or the folder that holds it.
 *
 * @param layers decoder layers instead of all of them.
 * @throws {OptionError} if there is neither such a name nor such a file.
 * @throws {ConfigError} if the file is not the settings of a Llama, Mistral or Qwen.
 *
 * @example
 * ```ts
 * import { configurationLike } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { hiddenSize, layerCount } = await configurationLike("llama-2-7b", 2);
 * assert.deepEqual([hiddenSize, layerCount], [4096, 2]);
 * ```
 */
export async function configurationLike(like: string, layers?: number): Promise<DecoderConfig> {
  const config = Object.hasOwn(publishedConfigurations, like)
    ? publishedConfigurations[like]
    : await readConfiguration(like);
  const layerCount = layers ?? config.layerCount;
  const { slidingLayers: given } = config;
  // Layers beyond those that there are have the window that the last one has.
  const slidingLayers = given &&
    Array.from({ length: layerCount }, (_, index) => given[Math.min(index, given.length - 1)]);
  return { ...config, layerCount, ...slidingLayers ? { slidingLayers } : {} };
}

/**
 * The tensors of a checkpoint of this configuration in 16 bits, none of which is there: for laying out what it
 * would take.
 *
 * @example
 * ```ts
 * import { configurationLike, statedTensors, weightBytes } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const llama = statedTensors(await configurationLike("llama-2-7b"));
 * assert.equal((weightBytes(llama) / 1e9).toFixed(2), "13.48");
 * ```
 */
export function statedTensors(config: DecoderConfig): StatedTensors {
  return { config, info: (tensor) => ({ dtype: "BF16", shape: tensorShape(config, tensor) }) };
}

async function readConfiguration(place: string): Promise<DecoderConfig> {
  const there = await Deno.stat(place).catch((cause) => {
    const names = Object.keys(publishedConfigurations).join(", ");
    throw new OptionError({
      problem: "names no configuration",
      option: "--like",
      value: place,
      expected: `${names}, or a checkpoint's folder or config.json`,
      cause,
    });
  });
  const path = there.isDirectory ? join(place, "config.json") : place;
  const { json } = await readJsonFile(path, ConfigError, CONFIG_FILE);
  return parseConfig(json, path);
}
