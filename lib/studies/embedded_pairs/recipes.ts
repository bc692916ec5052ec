/**
 * The embedded pairs as data: every number that determines the six checkpoints under
 * `data/checkpoints`. How they are trained is `train.ts`.
 */

import type { DecoderConfig } from "../../checkpoint/config.ts";
import type { Corpus } from "../../texts/domains.ts";
import type { TrainingSettings } from "../../training/language_model.ts";

/** How one checkpoint is made. */
export interface Recipe {
  /** Folder under `data/checkpoints`. */
  readonly name: string;
  /** The checkpoint that training starts from; `null`: random weights and a tokenizer of its own. */
  readonly base: string | null;
  /** Bodies of text to train on; the sequences of a batch take turns among them. */
  readonly corpora: readonly Corpus[];
  readonly config: DecoderConfig;
  readonly settings: TrainingSettings;
  /** Seed of the first weights and of the order of the text. */
  readonly seed: number;
}

const decoder = {
  hiddenSize: 128,
  intermediateSize: 384,
  layerCount: 4,
  headCount: 4,
  headSize: 32,
  normEpsilon: 1e-5,
  ropeTheta: 10000,
  tiedEmbeddings: false,
  maximumPositions: 512,
  bosToken: 1,
  eosToken: 2,
} as const;

const llama: DecoderConfig = {
  ...decoder,
  architecture: "LlamaForCausalLM",
  vocabularySize: 1024,
  keyValueHeadCount: 4,
  slidingWindow: null,
};

const mistral: DecoderConfig = {
  ...decoder,
  architecture: "MistralForCausalLM",
  vocabularySize: 1280,
  keyValueHeadCount: 2,
  // Shorter than a window of the embedded protocol (384 tokens), so that it matters there.
  slidingWindow: 128,
};

const baseSettings: TrainingSettings = {
  batch: 8,
  sequence: 384,
  steps: 2000,
  learningRate: 3e-3,
  warmUp: 100,
  clipNorm: 1,
  optimizer: { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 },
};

const fineSettings: TrainingSettings = {
  ...baseSettings,
  steps: 600,
  learningRate: 1e-3,
  warmUp: 30,
};

/**
 * The six checkpoints: a base of each architecture, and two full fine-tunes of each base: an
 * assistant, which answers questions and writes code, and a coder.
 */
export const recipes: readonly Recipe[] = [
  base("llama-base", llama, 11),
  base("mistral-base", mistral, 21),
  fine("llama-assistant", "llama-base", llama, ["answers", "code"], 12),
  fine("mistral-assistant", "mistral-base", mistral, ["answers", "code"], 22),
  fine("llama-code", "llama-base", llama, ["code"], 13),
  fine("mistral-code", "mistral-base", mistral, ["code"], 23),
];

function base(name: string, config: DecoderConfig, seed: number): Recipe {
  return { name, base: null, corpora: ["general"], config, settings: baseSettings, seed };
}

function fine(
  name: string,
  base: string,
  config: DecoderConfig,
  corpora: readonly Corpus[],
  seed: number,
): Recipe {
  return { name, base, corpora, config, settings: fineSettings, seed };
}
