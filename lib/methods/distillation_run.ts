/**
 * A distillation from its first step to its last, whatever is trained: batches of calibration text, the loss in
 * the fastest way that there is room for, the trainer, and what progress says. Not here: what is trained, on which
 * distance, and which settings a user has (`distilled.ts`, `distilled_vectors.ts`).
 */

import { largestWeight } from "../checkpoint/not_finite.ts";
import { applyDelta } from "../delta/apply.ts";
import type { Delta } from "../delta/delta.ts";
import { compressedTensors, modelTensors } from "../model/model_tensors.ts";
import { type CalibrationSequences, takeSequences } from "../texts/sequences.ts";
import type { AdamWSettings } from "../training/adamw.ts";
import type { CompiledLoss, ParameterArrays } from "../training/compiled_loss.ts";
import type { DistillationBatch } from "../training/distillation.ts";
import { fittingLoss } from "../training/fitting_loss.ts";
import type { DistillationLoss } from "../training/losses.ts";
import { cosineSchedule } from "../training/schedules.ts";
import { Trainer } from "../training/trainer.ts";
import { runDigest } from "../training/training_state.ts";
import { DeltaError } from "../util/errors.ts";
import type { Settings } from "../util/settings.ts";
import type { RowSettings, TrainedDelta, TrainingInput } from "./method.ts";

/** Settings that every distillation has. */
export type DistillationRunSettings = Settings & {
  readonly steps: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** Of the first step; a cosine leads to 0. */
  readonly learningRate: number;
  /** Whether the loss counts padding. */
  readonly padding: RowSettings["padding"];
};

/** A loss of a batch. */
export type BatchLoss = CompiledLoss<DistillationBatch>;

/** What is trained, and on which distance. */
export interface Distillation {
  /** Name of the method. */
  readonly method: string;
  readonly settings: DistillationRunSettings;
  /** What AdamW changes in place. */
  readonly parameters: ParameterArrays;
  /** Parameters that the engine holds; default: none. */
  readonly staying?: readonly string[];
  readonly optimizer: AdamWSettings;
  /** The student's distance from the fine-tune. */
  readonly distance: DistillationLoss;
  /** Whether the gradient stops at the product of the delta. */
  readonly detached: boolean;
  /** The parts and tensors that the distance depends on; default: of the parameters' own names. */
  readonly trained?: ParameterArrays;
  /** The loss of the parameters from that of the parts and tensors; default: the same. */
  readonly lossOf?: (loss: BatchLoss) => BatchLoss;
  /** The delta as it is now. */
  readonly changed: () => Delta;
}

/**
 * Takes all steps: step s reads the sequences s · batch … (s + 1) · batch − 1, from the start again after the
 * last.
 *
 * @throws {DeltaError} if there is nothing to train.
 * @throws as {@linkcode Trainer.train}.
 */
export async function runDistillation(
  { engine, base, fine, start, sequences, state, onProgress, signal }: TrainingInput,
  distillation: Distillation,
): Promise<TrainedDelta> {
  const { method, settings, parameters, staying = [], optimizer, changed } = distillation;
  const { trained = parameters, lossOf = (loss) => loss } = distillation;
  const { steps, batch, learningRate } = settings;
  if (parameters.size === 0) throw nothingToTrain(start);
  const names = [...trained.keys()];
  const models = {
    config: fine.config,
    shape: { batch, sequence: sequences.length },
    teacher: modelTensors(fine, engine),
    student: compressedTensors(modelTensors(base, engine), start, fine.config),
    trained: names,
    staying,
    detached: distillation.detached,
    loss: distillation.distance,
  };
  const loss = await fittingLoss(engine, models, signal);
  try {
    const trainer = new Trainer({
      parameters,
      loss: lossOf(loss),
      staying: { engine, names: staying },
      batch: (step) => batchOf(takeSequences(sequences, step * batch, batch), settings),
      steps,
      learningRate: cosineSchedule(steps, learningRate),
      optimizer,
      run: runDigest(
        { method, settings, start: start.metadata, trained: names },
        [sequences.tokens, sequences.attentionMask, ...trained.values()],
      ),
      suspect: async () => await largestWeight([fine, await applyDelta(base, changed())]),
    });
    const describe = (value: number, step: number) => {
      const times = (step + 1) * batch / sequences.count;
      const parts = [`loss ${value.toFixed(4)}`];
      if (loss.way !== "as one graph") parts.push(loss.way);
      if (times > 1) parts.push(`text read ${times.toFixed(1)} times`);
      return parts.join(", ");
    };
    const { losses } = await trainer.train({ state, describe, onProgress, signal });
    return { delta: changed(), losses, resumedSeconds: trainer.resumedSeconds };
  } finally {
    await loss.release();
  }
}

function nothingToTrain(start: Delta): DeltaError {
  const stored = [...start.layers.values()].flatMap(({ terms }) => terms.map(({ codec }) => codec));
  return new DeltaError({
    problem: "has nothing to train",
    value: [...new Set(stored)],
    expected: "a codec with trainable parts, or whole tensors that are trained too",
  });
}

/** Sequences with equal weights for all positions, or for those that are not padding; they sum to 1. */
function batchOf(
  { tokens, attentionMask }: CalibrationSequences,
  { padding }: DistillationRunSettings,
): DistillationBatch {
  const counted = padding === "counted"
    ? attentionMask.length
    : attentionMask.reduce((sum, each) => sum + each, 0);
  const rowWeights = Float32Array.from(
    attentionMask,
    (each) => padding === "counted" ? 1 / counted : each / counted,
  );
  return { tokens, attentionMask, rowWeights };
}
