/** Distillations of pairs that tests have open, on one thread, as one graph or layer by layer. */

import type { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { type DistillationSettings, distilled } from "../../lib/methods/distilled.ts";
import type { TrainedDelta, TrainingInput } from "../../lib/methods/method.ts";
import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { completeSettings } from "../../lib/util/settings.ts";
import { withMemory } from "../graph/with_memory.ts";
import { engine } from "./oracle_pair.ts";

/** The settings of a variant, some of them changed. */
export function distillationSettings(
  variant: "corrected" | "study-faithful",
  given: Partial<DistillationSettings> = {},
): DistillationSettings {
  const all = { ...distilled.variants[variant], ...given };
  return completeSettings(distilled.settings, all, "method 'distilled'");
}

/** Engines by what they make of a step: one graph where there is memory for both models. */
export const engines: Readonly<Record<string, Engine>> = {
  "whole model": engine,
  "layer by layer": withMemory(engine, 0),
};

/** Distills from a pair's initial delta. */
export function distill(
  { base, fine, initial }: { base: Checkpoint; fine: Checkpoint; initial: Delta },
  sequences: CalibrationSequences,
  settings: DistillationSettings,
  options: Partial<TrainingInput> = {},
): Promise<TrainedDelta> {
  const input = { engine, base, fine, start: initial, sequences, ...options };
  return distilled.train(input, settings);
}
