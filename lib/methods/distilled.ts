/**
 * `distilled`: the numbers of a delta by gradient descent on the distance of the student's logits from the
 * fine-tune's, as BitDelta does it and as the study's code really ran it, and corrected.
 *
 * Source: Liu et al. 2024, "BitDelta: Your Fine-Tune May Only Be Worth One Bit", section 3.1.
 */

import { toFloat32 } from "../checkpoint/tensor.ts";
import { type Delta, readTrainable, withNumbers } from "../delta/delta.ts";
import type { Engine } from "../graph/engine.ts";
import { torchAdamW } from "../training/adamw.ts";
import { squaredError } from "../training/losses.ts";
import { runDistillation } from "./distillation_run.ts";
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
  start: () => ({ method: initial.name }),
  batch: ({ batch }) => batch,
  train,
};

async function train(
  input: TrainingInput,
  settings: DistillationSettings,
): Promise<TrainedDelta> {
  const { engine, start } = input;
  const parameters = await trainedArrays(start, settings);
  return await runDistillation(input, {
    method: distilled.name,
    settings,
    parameters,
    staying: stayingParameters(engine, parameters),
    optimizer: { ...torchAdamW, weightDecay: settings.weightDecay },
    distance: squaredError,
    detached: settings.gradient === "detached",
    changed: () => withNumbers(start, parameters, { method: distilled.name, settings }),
  });
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
  return arrays;
}
