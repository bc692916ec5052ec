/**
 * Whose shapes a made pair has: a few published decoders by name, or a `config.json` of the user's.
 *
 * Facts alone, as each model's `config.json` on the Hub has them. Not here: weights, which no table
 * gives.
 */

import { join } from "node:path";
import { CONFIG_FILE, type DecoderConfig, parseConfig } from "../../checkpoint/config.ts";
import { tensorShape } from "../../checkpoint/weights.ts";
import type { StatedTensors } from "../../methods/closed_form.ts";
import { ConfigError, OptionError } from "../../util/errors.ts";
import { readJsonFile } from "../../util/json_file.ts";

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
  "llama-3-8b": {
    ...llama7b,
    vocabularySize: 128256,
    intermediateSize: 14336,
    keyValueHeadCount: 8,
    ropeTheta: 500000,
    maximumPositions: 8192,
    bosToken: 128000,
    eosToken: 128001,
  },
  "mistral-7b-v0.1": {
    ...llama7b,
    architecture: "MistralForCausalLM",
    intermediateSize: 14336,
    keyValueHeadCount: 8,
    slidingWindow: 4096,
    maximumPositions: 32768,
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
 * @throws {ConfigError} if the file is not the settings of a Llama or a Mistral.
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
  return { ...config, layerCount: layers ?? config.layerCount };
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
