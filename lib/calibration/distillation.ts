/**
 * `distilled`: scales by gradient descent on the distance of the student's logits from the
 * fine-tune's, as BitDelta does it and as the study's code really ran it, and corrected.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { fromFloat32, toFloat32 } from "../checkpoint/tensor.ts";
import { tensorNames } from "../checkpoint/weights.ts";
import { type Delta, withScales } from "../delta/delta.ts";
import { denseLinear } from "../graph/decoder/context.ts";
import { modelLogits } from "../graph/decoder/model.ts";
import type { Engine, Program } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import { input, type Numbers, type Value } from "../graph/graph.ts";
import { meanSquaredError } from "../graph/ops/mean_squared_error.ts";
import type { Watch } from "../progress.ts";
import { AdamW, torchAdamW } from "./adamw.ts";
import { cosineLearningRate } from "./cosine_schedule.ts";
import { type CalibrationSequences, takeSequences } from "./sequences.ts";
import { studentGraph } from "./student.ts";

/** Settings of a distillation. */
export interface DistillationSettings {
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
}

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
}

/**
 * Minimises Σₜ wₜ · mean((logits_fine − logits_student)²) by AdamW with a cosine schedule, from the
 * scales and whole tensors of `delta` (Liu et al. 2024, "BitDelta", section 3.1). Step s reads the
 * sequences s · batch … (s + 1) · batch − 1, from the start again after the last.
 */
export async function distill(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  delta: Delta,
  sequences: CalibrationSequences,
  settings: DistillationSettings,
  { onProgress, signal }: Watch = {},
): Promise<Distillation> {
  const fixed = await fixedFeeds(base, fine, delta);
  const trained = trainedArrays(delta, settings);
  const optimizer = new AdamW(trained, { ...torchAdamW, weightDecay: settings.weightDecay });
  const program = await compileStep(engine, fine, sequences.length, settings, [...trained.keys()]);
  const losses: number[] = [];
  try {
    for (let step = 0; step < settings.steps; step++) {
      signal?.throwIfAborted();
      const batch = takeSequences(sequences, step * settings.batch, settings.batch);
      const results = await program.run({
        ...fixed,
        ...Object.fromEntries(trained),
        tokens: batch.tokens,
        keyMask: batch.mask,
        rowWeights: rowWeights(batch, settings.padding),
      });
      losses.push(results.loss[0]);
      const rate = cosineLearningRate(step, settings.steps, settings.learningRate);
      optimizer.step((name) => results[name] as Float32Array, rate);
      onProgress?.({ done: step + 1, total: settings.steps, label: `loss ${results.loss[0]}` });
    }
  } finally {
    await program.release();
  }
  return { delta: distilledDelta(delta, trained, settings), losses };
}

/** The loss and its gradients for every trained input, as one compiled graph. */
async function compileStep(
  engine: Engine,
  { config }: Checkpoint,
  sequence: number,
  settings: DistillationSettings,
  trained: readonly string[],
): Promise<Program> {
  const shape = { batch: settings.batch, sequence };
  const rows = shape.batch * shape.sequence;
  const tokens = input("tokens", [rows], "i32");
  const keyMask = input("keyMask", [shape.batch, shape.sequence], "i32");
  const detached = settings.gradient === "detached";
  const student = studentGraph(config, shape, tokens, keyMask, detached);
  const fineInputs = new Map<string, Value>();
  const parameters = (tensor: string) => {
    const named = student.parameters(tensor);
    const value = fineInputs.get(named.name!) ?? input(`fine:${named.name}`, named.shape);
    fineInputs.set(named.name!, value);
    return value;
  };
  const linear = denseLinear(parameters);
  const teacher = modelLogits(tokens, { config, shape, parameters, linear, keyMask });
  const loss = meanSquaredError(teacher, student.logits, input("rowWeights", [1, rows]));
  const inputs = trained.map((name) =>
    student.scales.get(name.replace(/\.coeff$/, "")) ?? student.parameters(name)
  );
  const gradients = gradient(loss, inputs);
  const named = trained.map((name, index) => [name, gradients[index]] as const);
  return await engine.compile({ loss, ...Object.fromEntries(named) });
}

/** Everything that stays as it is: base weights, masks, the whole tensors' start, the fine-tune. */
async function fixedFeeds(
  base: Checkpoint,
  fine: Checkpoint,
  delta: Delta,
): Promise<Record<string, Numbers>> {
  const feeds: Record<string, Numbers> = {};
  for (const name of tensorNames(fine.config)) {
    feeds[`fine:${name}`] = await fine.readFloat32(name);
    const whole = delta.whole.get(name);
    feeds[name] = whole ? toFloat32(whole) : await base.readFloat32(name);
  }
  for (const [layer, { mask, scale }] of delta.layers) {
    feeds[`${layer}.mask`] = mask;
    feeds[`${layer}.coeff`] = Float32Array.of(scale);
  }
  return feeds;
}

function trainedArrays(
  delta: Delta,
  { trained }: DistillationSettings,
): Map<string, Float32Array> {
  const arrays = new Map<string, Float32Array>();
  for (const [layer, { scale }] of delta.layers) {
    arrays.set(`${layer}.coeff`, Float32Array.of(scale));
  }
  if (trained === "all") {
    // Copies: of an F32 tensor `toFloat32` gives the delta's own memory.
    for (const [name, tensor] of delta.whole) arrays.set(name, toFloat32(tensor).slice());
  }
  return arrays;
}

function distilledDelta(
  delta: Delta,
  trained: ReadonlyMap<string, Float32Array>,
  settings: DistillationSettings,
): Delta {
  const scales = new Map<string, number>();
  const whole = new Map(delta.whole);
  for (const [name, values] of trained) {
    const tensor = delta.whole.get(name);
    // Trained in float32: rounding to the fine-tune's own type would undo steps this small.
    if (tensor) whole.set(name, { ...tensor, dtype: "F32", bytes: fromFloat32(values, "F32") });
    else scales.set(name.replace(/\.coeff$/, ""), values[0]);
  }
  const described = withScales(delta, scales, { method: "distilled", settings: { ...settings } });
  return { ...described, whole };
}

/** `[1, rows]`: equal weights, or equal weights for the tokens that are not padding; they sum to 1. */
function rowWeights(
  { mask }: CalibrationSequences,
  padding: DistillationSettings["padding"],
): Float32Array {
  if (padding === "counted") return new Float32Array(mask.length).fill(1 / mask.length);
  const real = mask.reduce((sum, each) => sum + each, 0);
  return Float32Array.from(mask, (each) => each / real);
}
