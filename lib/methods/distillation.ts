/**
 * `distilled`: scales by gradient descent on the distance of the student's logits from the
 * fine-tune's, as BitDelta does it and as the study's code really ran it, and corrected.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { firstNotFinite, largestWeight } from "../checkpoint/not_finite.ts";
import type { WeightSource } from "../checkpoint/weights.ts";
import { applyDelta } from "../delta/apply.ts";
import { type Delta, readTrainable, withNumbers } from "../delta/delta.ts";
import { DivergenceError } from "../util/errors.ts";
import { modelTensors } from "../model/model_tensors.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";
import { AdamW, torchAdamW } from "../training/adamw.ts";
import { cosine } from "../training/schedules.ts";
import { layerwiseStep } from "../training/layerwise_step.ts";
import { type CalibrationSequences, takeSequences } from "../texts/sequences.ts";
import { Student } from "../training/student.ts";
import { wholeModelStep } from "../training/whole_model_step.ts";

/** Settings of a distillation. */
export type DistillationSettings = {
  readonly steps: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** First learning rate of the cosine schedule. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Whether the tensors that are kept whole are trained too. */
  readonly trained: "all" | "scales";
  /** Whether the gradient passes through the binary product. */
  readonly gradient: "detached" | "exact";
  /** Whether the loss counts padding. */
  readonly padding: "counted" | "left out";
};

/** As the study ran it. */
export const studyDistillation = {
  learningRate: 1e-4,
  weightDecay: torchAdamW.weightDecay,
  trained: "all",
  gradient: "detached",
  padding: "counted",
} as const;
/** What BitDelta's paper says: the scales alone, by their true gradient, over real tokens. */
export const correctedDistillation = {
  learningRate: 1e-4,
  weightDecay: 0,
  trained: "scales",
  gradient: "exact",
  padding: "left out",
} as const;

/** A distilled delta and how the loss went. */
export interface Distillation {
  readonly delta: Delta;
  /** Loss before each step. */
  readonly losses: readonly number[];
  readonly execution: Execution;
}

/** How a step is computed: both models as one graph, or a layer at a time. The numbers are the same. */
export type Execution = "whole model" | "layer by layer";

/** Options of a distillation. */
export interface DistillOptions extends Watch {
  /** Default: the whole model where the engine has memory for both, and for as much again. */
  execution?: Execution;
}

/**
 * Minimises Σₜ wₜ · mean((logits_fine − logits_student)²) by AdamW with a cosine schedule, from the
 * scales and whole tensors of `delta` (Liu et al. 2024, "BitDelta", section 3.1). Step s reads the
 * sequences s · batch … (s + 1) · batch − 1, from the start again after the last; progress says how often
 * the text is read where that is more than once.
 *
 * @throws {DivergenceError} if a loss or what is trained is not finite, naming the tensor.
 */
export async function distill(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  delta: Delta,
  sequences: CalibrationSequences,
  settings: DistillationSettings,
  options: DistillOptions = {},
): Promise<Distillation> {
  const { config } = fine;
  const { onProgress, signal } = options;
  const trained = await trainedArrays(delta, settings);
  const optimizer = new AdamW(trained, { ...torchAdamW, weightDecay: settings.weightDecay });
  const fineTensors = modelTensors(fine, engine);
  const student = new Student(modelTensors(base, engine), delta, trained);
  const weights = fineTensors.byteLength + student.tensors.byteLength;
  // The way back takes about as much again as the weights.
  using room = options.execution ? null : engine.memory.keep(weights, weights);
  const execution = options.execution ?? (room ? "whole model" : "layer by layer");
  const compile = execution === "whole model" ? wholeModelStep : layerwiseStep;
  const distillationStep = await compile(engine, {
    config,
    shape: { batch: settings.batch, sequence: sequences.length },
    fine: fineTensors,
    student,
    detached: settings.gradient === "detached",
  });
  const losses: number[] = [];
  try {
    for (let step = 0; step < settings.steps; step++) {
      signal?.throwIfAborted();
      const batch = takeSequences(sequences, step * settings.batch, settings.batch);
      const weights = rowWeights(batch, settings.padding);
      const { loss, gradient } = await distillationStep.run(batch, weights);
      if (!Number.isFinite(loss)) {
        const student = await applyDelta(base, distilledDelta(delta, trained, settings));
        throw await diverged(step, [fine, student]);
      }
      losses.push(loss);
      const rate = cosine(settings.steps, settings.learningRate)(step);
      optimizer.step(gradient, rate);
      const times = (step + 1) * settings.batch / sequences.count;
      const again = times > 1 ? `, text read ${times.toFixed(1)} times` : "";
      const label = `loss ${loss.toFixed(4)}${again}`;
      onProgress?.({ done: step + 1, total: settings.steps, label });
    }
  } finally {
    await distillationStep.release();
  }
  return { delta: distilledDelta(delta, trained, settings), losses, execution };
}

/** Names the tensor that is most likely at fault: where products overflow, the one of the largest weight. */
async function diverged(step: number, models: readonly WeightSource[]): Promise<DivergenceError> {
  const { model, tensor, magnitude } = await largestWeight(models);
  return new DivergenceError({
    problem: `loss of step ${step + 1} is not finite; the largest weight, of '${model}', is here`,
    tensor,
    value: magnitude,
    expected: "a pair whose products stay within 32-bit floats",
  });
}

async function trainedArrays(
  delta: Delta,
  { trained }: DistillationSettings,
): Promise<Map<string, Float32Array>> {
  const arrays = await readTrainable(delta);
  if (trained === "scales") return arrays;
  for (const name of delta.whole.keys()) {
    // Copies: of an F32 tensor `toFloat32` gives the delta's own memory.
    arrays.set(name, toFloat32(await delta.readWhole(name)).slice());
  }
  return arrays;
}

/** Trained in float32: rounding a whole tensor to the fine-tune's own type would undo steps this small. */
function distilledDelta(
  delta: Delta,
  trained: ReadonlyMap<string, Float32Array>,
  settings: DistillationSettings,
): Delta {
  for (const [name, values] of trained) {
    const index = firstNotFinite(values);
    if (index < 0) continue;
    throw new DivergenceError({
      problem: `element ${index} is not finite after distillation`,
      tensor: name,
      value: String(values[index]),
      expected: "a pair whose gradients stay within 32-bit floats",
    });
  }
  return withNumbers(delta, trained, { method: "distilled", settings: { ...settings } });
}

/** `[1, rows]`: equal weights, or equal weights for the tokens that are not padding; they sum to 1. */
function rowWeights(
  { attentionMask }: CalibrationSequences,
  padding: DistillationSettings["padding"],
): Float32Array {
  if (padding === "counted") {
    return new Float32Array(attentionMask.length).fill(1 / attentionMask.length);
  }
  const real = attentionMask.reduce((sum, each) => sum + each, 0);
  return Float32Array.from(attentionMask, (each) => each / real);
}
