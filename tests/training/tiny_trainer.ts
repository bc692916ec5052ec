/** A trainer of a tiny decoder on text that repeats itself. */

import { torchAdamW } from "../../lib/training/adamw.ts";
import { initialWeights } from "../../lib/embedded/initialize.ts";
import {
  LanguageModelTrainer,
  type TrainingBatch,
  type TrainingSettings,
} from "../../lib/training/language_model.ts";
import { trainingBatch } from "../../lib/training/token_stream.ts";
import { engine } from "../methods/oracle_pair.ts";
import { tinyConfig } from "../model/random_model.ts";

/** Settings of a short run. */
export const SETTINGS: TrainingSettings = {
  batch: 3,
  sequence: 8,
  steps: 40,
  learningRate: 0.02,
  warmUp: 4,
  clipNorm: 1,
  optimizer: torchAdamW,
};

/** 1 … 10, over and over. */
const stream = Int32Array.from({ length: 200 }, (_, at) => 1 + at % 10);

/** The batch of a step. */
export function tinyBatch(step: number): TrainingBatch {
  return trainingBatch([stream], SETTINGS, 5, step);
}

/** A trainer with its first weights from a seed; released at the end of its scope. */
export async function tinyTrainer(
  settings: Partial<TrainingSettings> = {},
): Promise<AsyncDisposable & { readonly trainer: LanguageModelTrainer }> {
  const trainer = await LanguageModelTrainer.create(
    engine,
    tinyConfig,
    initialWeights(tinyConfig, 3),
    { ...SETTINGS, ...settings },
  );
  return { trainer, [Symbol.asyncDispose]: () => trainer.release() };
}

/** Takes the steps from the trainer's next up to `end`; answers their losses. */
export async function train(trainer: LanguageModelTrainer, end: number): Promise<number[]> {
  const losses: number[] = [];
  while (trainer.optimizer.stepCount < end) {
    losses.push(await trainer.step(tinyBatch(trainer.optimizer.stepCount)));
  }
  return losses;
}
