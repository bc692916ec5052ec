/** Tiny decoders of every kind that there is, with odd sizes and lengths about where positions are scaled from. */

import type { DecoderConfig } from "../../lib/checkpoint/config.ts";

/** Grouped queries, heads that are wider together than the residual stream, six frequencies. */
const llama: DecoderConfig = {
  architecture: "LlamaForCausalLM",
  vocabularySize: 19,
  hiddenSize: 20,
  intermediateSize: 13,
  layerCount: 2,
  headCount: 4,
  keyValueHeadCount: 2,
  headSize: 12,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  slidingWindow: null,
  tiedEmbeddings: false,
  maximumPositions: 64,
  bosToken: 1,
  eosToken: 2,
};

/** Tokens that positions of type `dynamic` are scaled beyond. */
const ORIGINAL = 9;

/** Lengths below, at and beyond {@linkcode ORIGINAL}. */
export const LENGTHS = [4, ORIGINAL, ORIGINAL + 1, 23];

const yarn = {
  type: "yarn",
  factor: 4,
  originalPositions: 24,
  attentionFactor: 1.1386,
  betaFast: 32,
  betaSlow: 1,
  truncate: true,
} as const;

const qwen2 = {
  ...llama,
  architecture: "Qwen2ForCausalLM",
  ropeTheta: 1e6,
  attentionBias: "qkv",
} as const;

const qwen3 = {
  ...llama,
  architecture: "Qwen3ForCausalLM",
  ropeTheta: 1e6,
  normEpsilon: 1e-6,
  queryKeyNorms: true,
} as const;

/** Configurations by what is special to them. */
export const architectures: Readonly<Record<string, DecoderConfig>> = {
  "positions of Llama 3.1": {
    ...llama,
    ropeScaling: {
      type: "llama3",
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalPositions: 48,
    },
  },
  "linear positions": { ...llama, ropeScaling: { type: "linear", factor: 2.5 } },
  "dynamic positions": {
    ...llama,
    ropeScaling: { type: "dynamic", factor: 2, originalPositions: ORIGINAL },
  },
  "yarn": { ...llama, ropeScaling: yarn },
  "yarn between other turns": {
    ...llama,
    ropeScaling: { ...yarn, betaFast: 4, betaSlow: 0.25, truncate: false, attentionFactor: 1.3 },
  },
  "biases on all linear layers": { ...llama, attentionBias: "qkvo", feedForwardBias: true },
  "biases of Qwen2": qwen2,
  "biases and windows by layer": {
    ...qwen2,
    layerCount: 3,
    slidingWindow: 3,
    slidingLayers: [true, false, true],
    tiedEmbeddings: true,
  },
  "norms of Qwen3": qwen3,
  "norms, biases and yarn": { ...qwen3, attentionBias: "qkvo", ropeScaling: yarn },
  "Mistral's wider heads in a window": {
    ...llama,
    architecture: "MistralForCausalLM",
    headSize: 10,
    slidingWindow: 5,
  },
};
