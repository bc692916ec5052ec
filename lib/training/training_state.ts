/** A training run on disk, so that an interrupted one goes on where it was last saved. */

import { SafetensorsFile, writeSafetensors } from "../checkpoint/safetensors.ts";
import { fromFloat32, toFloat32 } from "../checkpoint/tensor.ts";
import type { LanguageModelTrainer } from "./language_model.ts";

/** What a run has done so far, beside its weights. */
export interface TrainingLog {
  /** Loss of every step so far, in nats per token. */
  losses: number[];
  /** Time spent in steps, in seconds. */
  seconds: number;
}

/** Writes weights, moments and log to one file, in place of the one before. */
export async function saveTrainingState(
  path: string,
  trainer: LanguageModelTrainer,
  log: TrainingLog,
): Promise<void> {
  const tensors = [...arrays(trainer)].map(([name, values]) => ({
    name,
    dtype: "F32" as const,
    shape: [values.length],
    bytes: fromFloat32(values, "F32"),
  }));
  await writeSafetensors(path, tensors, {
    step: String(trainer.optimizer.stepCount),
    log: JSON.stringify(log),
  });
}

/** Puts a saved run back into `trainer`; answers its log, or an empty one where nothing was saved. */
export async function restoreTrainingState(
  path: string,
  trainer: LanguageModelTrainer,
): Promise<TrainingLog> {
  try {
    await Deno.stat(path);
  } catch {
    return { losses: [], seconds: 0 };
  }
  using file = await SafetensorsFile.open(path);
  for (const [name, values] of arrays(trainer)) {
    values.set(toFloat32(await file.read(name)));
  }
  trainer.optimizer.stepCount = Number(file.metadata.step);
  return JSON.parse(file.metadata.log);
}

function* arrays(trainer: LanguageModelTrainer): Iterable<[string, Float32Array]> {
  yield* trainer.parameters;
  for (const [name, { first, second }] of trainer.optimizer.moments) {
    yield [`${name}:first moment`, first];
    yield [`${name}:second moment`, second];
  }
}
