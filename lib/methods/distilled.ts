/**
 * `distilled`: the numbers of a delta by gradient descent on the distance of the student's logits from the
 * fine-tune's, as BitDelta does it and as the study's code really ran it, and corrected.
 *
 * Source: Liu et al. 2024, "BitDelta: Your Fine-Tune May Only Be Worth One Bit", section 3.1.
 */

import { largestWeight } from "../checkpoint/not_finite.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { applyDelta } from "../delta/apply.ts";
import { type Delta, readTrainable, withNumbers } from "../delta/delta.ts";
import { compressedTensors, modelTensors } from "../model/model_tensors.ts";
import { type CalibrationSequences, takeSequences } from "../texts/sequences.ts";
import { torchAdamW } from "../training/adamw.ts";
import type { DistillationBatch } from "../training/distillation.ts";
import { fittingLoss } from "../training/fitting_loss.ts";
import { squaredError } from "../training/losses.ts";
import { cosineSchedule } from "../training/schedules.ts";
import type { Engine } from "../graph/engine.ts";
import { Trainer } from "../training/trainer.ts";
import { runDigest } from "../training/training_state.ts";
import { DeltaError } from "../util/errors.ts";
import { initial } from "./initial.ts";
import type { Trained, TrainedDelta, TrainingInput } from "./method.ts";

/** Settings of a distillation. */
export type DistillationSettings = {
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly trained: "all" | "scales";
  readonly gradient: "detached" | "exact";
  readonly padding: "counted" | "left out";
};

/** What BitDelta's paper says: the scales alone, by their true gradient, over real tokens. */
const corrected = {
  learningRate: 1e-4,
  weightDecay: 0,
  trained: "scales",
  gradient: "exact",
  padding: "left out",
} as const;

/** As the study ran it. */
const studyFaithful = {
  learningRate: 1e-4,
  weightDecay: torchAdamW.weightDecay,
  trained: "all",
  gradient: "detached",
  padding: "counted",
} as const;

/**
 * Minimises Σₜ wₜ · mean((logits_fine − logits_student)²) by AdamW with a cosine schedule, from the trainable
 * parts of the delta that it starts from, and its whole tensors. Step s reads the sequences s · batch …
 * (s + 1) · batch − 1, from the start again after the last; progress says how often the text is read where
 * that is more than once, and how the loss is computed where the models do not fit the engine's memory at once.
 */
export const distilled: Trained<DistillationSettings> = {
  kind: "trained",
  name: "distilled",
  summary: "AdamW on the distance of the student's logits from the fine-tune's",
  module: import.meta.url,
  settings: {
    steps: {
      kind: "whole number",
      default: 250,
      minimum: 1,
      maximum: 1_000_000_000,
      help: "steps of AdamW",
    },
    batch: {
      kind: "whole number",
      default: 4,
      minimum: 1,
      maximum: 1_000_000,
      help: "sequences of a step",
    },
    learningRate: {
      kind: "number",
      default: corrected.learningRate,
      minimum: 0,
      maximum: 1,
      help: "first learning rate of the cosine schedule",
    },
    weightDecay: {
      kind: "number",
      default: corrected.weightDecay,
      minimum: 0,
      maximum: 1,
      help: "decoupled weight decay of AdamW",
    },
    trained: {
      kind: "choice",
      default: corrected.trained,
      values: ["all", "scales"],
      help: "whether the tensors that are kept whole are trained too",
    },
    gradient: {
      kind: "choice",
      default: corrected.gradient,
      values: ["detached", "exact"],
      help: "whether the gradient passes through the binary product",
    },
    padding: {
      kind: "choice",
      default: corrected.padding,
      values: ["counted", "left out"],
      help: "whether the loss counts padding",
    },
  },
  variants: { corrected, "study-faithful": studyFaithful },
  sweep: null,
  look: { hue: "orange", marker: "square" },
  start: initial.name,
  batch: ({ batch }) => batch,
  train,
};

async function train(
  { engine, base, fine, start, sequences, state, onProgress, signal }: TrainingInput,
  settings: DistillationSettings,
): Promise<TrainedDelta> {
  const { steps, batch, learningRate, weightDecay } = settings;
  const parameters = await trainedArrays(start, settings);
  const staying = stayingParameters(engine, parameters);
  const models = {
    config: fine.config,
    shape: { batch, sequence: sequences.length },
    teacher: modelTensors(fine, engine),
    student: compressedTensors(modelTensors(base, engine), start, fine.config),
    trained: [...parameters.keys()],
    staying,
    detached: settings.gradient === "detached",
    loss: squaredError,
  };
  const loss = await fittingLoss(engine, models, signal);
  const changed = () => withNumbers(start, parameters, { method: distilled.name, settings });
  try {
    const trainer = new Trainer({
      parameters,
      loss,
      staying: { engine, names: staying },
      batch: (step) => batchOf(takeSequences(sequences, step * batch, batch), settings),
      steps,
      learningRate: cosineSchedule(steps, learningRate),
      optimizer: { ...torchAdamW, weightDecay },
      run: runDigest(
        { method: distilled.name, settings, start: start.metadata, trained: models.trained },
        [sequences.tokens, sequences.attentionMask, ...parameters.values()],
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

/** Elements above which a parameter stays on a device: gradients of fewer are read faster than a step takes. */
const MOST_MOVED = 2 ** 20;

/** Parameters, such as an embedding, that a device keeps while they are trained. */
function stayingParameters(
  { details }: Engine,
  parameters: ReadonlyMap<string, Float32Array>,
): string[] {
  if (details.device === "cpu") return [];
  return [...parameters].flatMap(([name, { length }]) => length >= MOST_MOVED ? [name] : []);
}

/** Copies of all that training changes, in 32-bit floats: a narrower type would undo steps this small. */
async function trainedArrays(
  delta: Delta,
  { trained }: DistillationSettings,
): Promise<Map<string, Float32Array>> {
  const arrays = await readTrainable(delta);
  for (const name of trained === "all" ? delta.whole.keys() : []) {
    arrays.set(name, toFloat32(await delta.readWhole(name)).slice());
  }
  if (arrays.size > 0) return arrays;
  const stored = [...delta.layers.values()].flatMap(({ terms }) => terms.map(({ codec }) => codec));
  throw new DeltaError({
    problem: "has nothing to train",
    value: [...new Set(stored)],
    expected: "a codec with trainable parts, or whole tensors that are trained too",
  });
}

/** Sequences with equal weights for all positions, or for those that are not padding; they sum to 1. */
function batchOf(
  { tokens, attentionMask }: CalibrationSequences,
  { padding }: DistillationSettings,
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
