/** Makes one checkpoint from its recipe: text, tokenizer, first weights, steps, and the folder. */

import { join } from "node:path";
import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { saveCheckpoint } from "../../checkpoint/save.ts";
import { TextTokenizer } from "../../checkpoint/tokenizer.ts";
import { tensorNames, type WeightSource } from "../../checkpoint/weights.ts";
import type { TextDocument } from "../../texts/document.ts";
import { writeFileAtomic } from "../../util/files.ts";
import type { Engine } from "../../graph/engine.ts";
import type { Watch } from "../../util/progress.ts";
import { trainBytePairEncoding } from "./bpe.ts";
import {
  initialWeights,
  languageModelLoss,
  trainerSettings,
} from "../../training/language_model.ts";
import { Trainer } from "../../training/trainer.ts";
import type { Recipe } from "./recipes.ts";
import { tokenStream, trainingBatch } from "../../training/token_stream.ts";
import { runDigest, type TrainingLog } from "../../training/training_state.ts";

/** Entry `made_by` of the header of weights that were made here. */
export const TRAINING_MARK = "scripts/train_pairs.ts";

/** Where a run finds and leaves its files. */
export interface TrainOptions extends Watch {
  engine: Engine;
  /** Folder of all checkpoints; the recipe's base is read from it. */
  checkpoints: string;
  /** Folder of unfinished runs. */
  states: string;
  /** The text to train on: the documents of each of the recipe's corpora. */
  documents: readonly (readonly TextDocument[])[];
  /** Text a base's tokenizer is made from. */
  tokenizerTexts: readonly string[];
}

/**
 * Trains a checkpoint, going on from a saved state if there is one, and writes it as bf16 with its
 * `training.json` (recipe, losses, time).
 */
export async function trainRecipe(recipe: Recipe, options: TrainOptions): Promise<void> {
  const directory = join(options.checkpoints, recipe.name);
  const tokenizer = await tokenizerOf(recipe, options);
  const streams: Int32Array[] = [];
  for (const each of options.documents) streams.push(await tokenStream(each, tokenizer, options));
  const parameters = await firstWeights(recipe, options.checkpoints);
  const run = runDigest(recipe, [...streams, ...parameters.values()]);
  const state = join(options.states, `${recipe.name}-${run.slice(0, 12)}.safetensors`);
  const { config, settings, seed } = recipe;
  const loss = await languageModelLoss(options.engine, config, [...parameters.keys()], settings);
  try {
    const batch = (step: number) => trainingBatch(streams, settings, seed, step);
    const trainer = new Trainer({ parameters, loss, batch, run, ...trainerSettings(settings) });
    const { onProgress, signal } = options;
    const describe = (loss: number) => `loss ${loss.toFixed(3)}`;
    const log = await trainer.train({ state, describe, onProgress, signal });
    await writeFileAtomic(
      join(directory, "training.json"),
      JSON.stringify(trainingRecord(recipe, options, streams, log), null, 2) + "\n",
    );
  } finally {
    await loss.release();
  }
  await saveCheckpoint(directory, sourceOf(recipe, parameters), {
    dtype: "BF16",
    tokenizerFrom: join(options.checkpoints, recipe.base ?? recipe.name),
    metadata: { made_by: TRAINING_MARK },
  });
  await Deno.remove(state);
}

/** A base makes and writes its own tokenizer; a fine-tune reads its base's. */
async function tokenizerOf(recipe: Recipe, options: TrainOptions): Promise<TextTokenizer> {
  if (recipe.base) return await TextTokenizer.open(join(options.checkpoints, recipe.base));
  const directory = join(options.checkpoints, recipe.name);
  const { vocabularySize } = recipe.config;
  const files = await trainBytePairEncoding(options.tokenizerTexts, { ...options, vocabularySize });
  const json = (content: unknown) => JSON.stringify(content, null, 1) + "\n";
  await writeFileAtomic(join(directory, "tokenizer.json"), json(files.tokenizer));
  await writeFileAtomic(join(directory, "tokenizer_config.json"), json(files.tokenizerConfig));
  return await TextTokenizer.open(directory);
}

async function firstWeights(
  recipe: Recipe,
  checkpoints: string,
): Promise<Map<string, Float32Array>> {
  if (!recipe.base) return initialWeights(recipe.config, recipe.seed);
  using base = await Checkpoint.open(join(checkpoints, recipe.base));
  const weights = new Map<string, Float32Array>();
  for (const name of tensorNames(recipe.config)) weights.set(name, await base.readFloat32(name));
  return weights;
}

function sourceOf(recipe: Recipe, weights: ReadonlyMap<string, Float32Array>): WeightSource {
  return {
    config: recipe.config,
    name: recipe.name,
    readFloat32: (tensor) => Promise.resolve(weights.get(tensor)!),
    has: (tensor) => weights.has(tensor),
  };
}

function trainingRecord(
  recipe: Recipe,
  { engine, documents }: TrainOptions,
  streams: readonly Int32Array[],
  log: TrainingLog,
) {
  const { name, base, corpora, seed, settings } = recipe;
  const losses = log.losses.map((loss) => Number(loss.toFixed(4)));
  return {
    name,
    base,
    corpora,
    seed,
    settings,
    documents: documents.map(({ length }) => length),
    tokens: streams.map(({ length }) => length),
    engine: engine.name,
    seconds: Math.round(log.seconds),
    lossEvery50Steps: losses.filter((_, step) => step % 50 === 0),
    finalLoss: losses.at(-1),
  };
}
