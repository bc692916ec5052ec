/** {@linkcode compress} for the two methods that calibrate, by their kinds. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Engine } from "../graph/engine.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import type { Watch } from "../util/progress.ts";
import { compress } from "./compress.ts";
import type { TrainedDelta } from "./method.ts";

/** Whether a method runs as the study's code does, or with its faults mended. */
export type Variant = "study-faithful" | "corrected";

/** Scales in closed form from activations. */
export interface ActivationAwareMethod {
  /** Its name. */
  readonly kind: "activation-aware";
  /** As the study ran it, or corrected. */
  readonly variant: Variant;
  /** Token rows of calibration. */
  readonly rows: number;
}

/** Scales by distillation. */
export interface DistilledMethod {
  /** Its name. */
  readonly kind: "distilled";
  /** As the study ran it, or corrected. */
  readonly variant: Variant;
  /** Steps of AdamW. */
  readonly steps: number;
  /** Sequences of a step. */
  readonly batch: number;
}

/** A method that finds scales from calibration text. */
export type CalibrationMethod = ActivationAwareMethod | DistilledMethod;

/** A calibrated delta. */
export type Calibration = TrainedDelta;

/** As {@linkcode compress}. */
export function calibrate(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  method: CalibrationMethod,
  sequences: CalibrationSequences,
  watch: Watch = {},
): Promise<Calibration> {
  const { kind, variant } = method;
  const settings: Record<string, number> = kind === "distilled"
    ? { steps: method.steps, batch: method.batch }
    : { rows: method.rows };
  return compress(engine, base, fine, { method: kind, variant, settings }, sequences, watch);
}
