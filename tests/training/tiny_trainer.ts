/** A trainer of a tiny decoder on text that repeats itself. */

import { torchAdamW } from "../../lib/training/adamw.ts";
import {
  initialWeights,
  languageModelLoss,
  trainerSettings,
  type TrainingBatch,
  type TrainingSettings,
} from "../../lib/training/language_model.ts";
import { trainingBatch } from "../../lib/training/token_stream.ts";
import { Trainer, type TrainerOptions } from "../../lib/training/trainer.ts";
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

/** A trainer with its first weights from a seed; what it compiled is released at the end of its scope. */
export async function tinyTrainer(
  settings: Partial<TrainingSettings> = {},
  options: Partial<TrainerOptions<TrainingBatch>> = {},
): Promise<AsyncDisposable & { readonly trainer: Trainer<TrainingBatch> }> {
  const parameters = initialWeights(tinyConfig, 3);
  const loss = await languageModelLoss(engine, tinyConfig, [...parameters.keys()], SETTINGS);
  const trainer = new Trainer({
    parameters,
    loss,
    batch: tinyBatch,
    run: "tiny",
    ...trainerSettings({ ...SETTINGS, ...settings }),
    ...options,
  });
  return { trainer, [Symbol.asyncDispose]: () => loss.release() };
}

/** Takes the steps from the trainer's next up to `end`. */
export async function train(trainer: Trainer<TrainingBatch>, end: number): Promise<number[]> {
  const losses: number[] = [];
  while (trainer.optimizer.stepCount < end) losses.push(await trainer.step());
  return losses;
}
