/**
 * `distilled`: scales by gradient descent on the distance of the student's logits from the fine-tune's, as
 * BitDelta does it and as the study's code really ran it, and corrected.
 */

import {
  correctedDistillation,
  distill,
  type DistillationSettings,
  studyDistillation,
} from "./distillation.ts";
import { initial } from "./initial.ts";
import type { Trained } from "./method.ts";

/** Minimises the mean squared difference of logits by AdamW; see {@linkcode distill}. */
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
      default: correctedDistillation.learningRate,
      minimum: 0,
      maximum: 1,
      help: "first learning rate of the cosine schedule",
    },
    weightDecay: {
      kind: "number",
      default: correctedDistillation.weightDecay,
      minimum: 0,
      maximum: 1,
      help: "decoupled weight decay of AdamW",
    },
    trained: {
      kind: "choice",
      default: correctedDistillation.trained,
      values: ["all", "scales"],
      help: "whether the tensors that are kept whole are trained too",
    },
    gradient: {
      kind: "choice",
      default: correctedDistillation.gradient,
      values: ["detached", "exact"],
      help: "whether the gradient passes through the binary product",
    },
    padding: {
      kind: "choice",
      default: correctedDistillation.padding,
      values: ["counted", "left out"],
      help: "whether the loss counts padding",
    },
  },
  variants: { corrected: correctedDistillation, "study-faithful": studyDistillation },
  sweep: null,
  look: { hue: "orange", marker: "square" },
  start: initial.name,
  batch: ({ batch }) => batch,
  train({ engine, base, fine, start, sequences, onProgress, signal }, settings) {
    return distill(engine, base, fine, start, sequences, settings, { onProgress, signal });
  },
};
