/**
 * `distilled-vectors`: a few steps of gradient descent on the vectors of a compressed delta alone, after another
 * method has found its signs. Each number learns a factor on itself, by the divergence of the student's
 * next-token distribution from the fine-tune's; signs and forms stay, and so does the size.
 *
 * Sources: BitDelta (Liu et al. 2024), section 3.1, which trains one scale a matrix; Hinton et al. 2015,
 * "Distilling the Knowledge in a Neural Network", for the loss.
 */

import { readTrainable, withNumbers } from "../delta/delta.ts";
import { torchAdamW } from "../training/adamw.ts";
import { lossOfFactors, scaledBy, unitFactors } from "../training/factors.ts";
import { weightedDivergence } from "../training/losses.ts";
import { activationAwarePlus } from "./activation_aware_plus.ts";
import { runDistillation } from "./distillation_run.ts";
import { doubleBinary } from "./double_binary.ts";
import { initial } from "./initial.ts";
import { lowRankDelta } from "./low_rank.ts";
import type { Method, RowSettings, Trained, TrainedDelta, TrainingInput } from "./method.ts";
import { refinedSigns } from "./refined_signs.ts";
import { signsAndLowRank } from "./signs_and_low_rank.ts";

/** Settings of the method. */
export type DistilledVectorsSettings = {
  /** Name of the method whose delta it starts from. */
  readonly start: string;
  /** Rows that a start which looks at inputs has. */
  readonly rows: number;
  readonly steps: number;
  readonly batch: number;
  readonly learningRate: number;
  readonly padding: RowSettings["padding"];
};

/** Methods whose deltas it starts from, the usual one first. */
const starts: readonly Pick<Method, "name" | "settings">[] = [
  activationAwarePlus,
  refinedSigns,
  doubleBinary,
  lowRankDelta,
  signsAndLowRank,
  initial,
];

/** Shorter memories than torch's: a run is a hundred steps. */
const optimizer = { ...torchAdamW, betas: [0.9, 0.95], weightDecay: 0 } as const;

/**
 * Minimises Σₜ wₜ · KL(fineₜ ‖ studentₜ) over a factor for each trainable number of the delta that it starts
 * from, by Adam (β = 0.9, 0.95) with a cosine schedule, each factor 1 at first. In the end the numbers are
 * rounded to the types that they are stored in.
 */
export const distilledVectors: Trained<DistilledVectorsSettings> = {
  kind: "trained",
  name: "distilled-vectors",
  summary: "Adam on factors of a compressed delta's vectors, its signs kept",
  module: import.meta.url,
  settings: {
    start: {
      kind: "choice",
      default: starts[0].name,
      values: starts.map(({ name }) => name),
      help: "the method whose delta it starts from",
    },
    rows: {
      kind: "whole number",
      default: 4096,
      minimum: 1,
      maximum: 100_000_000,
      help: "token rows of calibration of the method that it starts from",
    },
    steps: {
      kind: "whole number",
      default: 100,
      minimum: 1,
      maximum: 1_000_000_000,
      help: "steps of Adam",
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
      default: 1e-2,
      minimum: 0,
      maximum: 1,
      help: "first learning rate of the cosine schedule, relative to each number",
    },
    padding: {
      kind: "choice",
      default: "left out",
      values: ["counted", "left out"],
      help: "whether the loss, and the method that it starts from, count padding",
    },
  },
  variants: {},
  sweep: null,
  look: { hue: "ochre", marker: "hourglass" },
  start({ start, rows, padding }) {
    const { settings } = starts.find(({ name }) => name === start)!;
    const given = Object.entries({ rows, padding }).filter(([name]) => name in settings);
    return { method: start, settings: Object.fromEntries(given) };
  },
  batch: ({ batch }) => batch,
  train,
};

async function train(
  input: TrainingInput,
  settings: DistilledVectorsSettings,
): Promise<TrainedDelta> {
  const { start } = input;
  const numbers = await readTrainable(start);
  const factors = unitFactors(numbers);
  return await runDistillation(input, {
    method: distilledVectors.name,
    settings,
    parameters: factors,
    trained: numbers,
    lossOf: (loss) => lossOfFactors(loss, numbers),
    optimizer,
    distance: weightedDivergence,
    detached: false,
    changed: () =>
      withNumbers(start, scaledBy(numbers, factors), {
        method: distilledVectors.name,
        // Its own first, and what else is told of the start.
        settings: { ...settings, ...start.metadata.settings, ...settings },
      }),
  });
}
