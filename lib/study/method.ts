/** Which model a measurement is of: the pair's own two, or the base with a delta of some method. */

import {
  type ActivationAwareSettings,
  correctedActivationAware,
  studyActivationAware,
} from "../calibration/activation_aware.ts";
import {
  correctedDistillation,
  type DistillationSettings,
  studyDistillation,
} from "../calibration/distillation.ts";

/** Whether a method runs as the study's code does, or with its faults mended. */
export type Variant = "study-faithful" | "corrected";

/** A model without any calibration: the pair's own, or the base with mean |Δ| as scales. */
export interface PlainMethod {
  readonly kind: "base" | "fine" | "initial";
}

/** Scales in closed form from activations. */
export interface ActivationAwareMethod {
  readonly kind: "activation-aware";
  readonly variant: Variant;
  /** Token rows of calibration. */
  readonly rows: number;
  /** Seed of the calibration text. */
  readonly seed: number;
}

/** Scales by distillation. */
export interface DistilledMethod {
  readonly kind: "distilled";
  readonly variant: Variant;
  readonly steps: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** Seed of the calibration text. */
  readonly seed: number;
}

/** A method that calibrates. */
export type CalibratedMethod = ActivationAwareMethod | DistilledMethod;

/** Any model that is scored. */
export type Method = PlainMethod | CalibratedMethod;

/** Every setting of an activation-aware method. */
export function activationAwareSettings(
  { variant, rows }: ActivationAwareMethod,
): ActivationAwareSettings {
  const settings = variant === "corrected" ? correctedActivationAware : studyActivationAware;
  return { ...settings, rows };
}

/** Every setting of a distillation. */
export function distillationSettings(
  { variant, steps, batch }: DistilledMethod,
): DistillationSettings {
  const settings = variant === "corrected" ? correctedDistillation : studyDistillation;
  return { ...settings, steps, batch };
}

/** Whether a method calibrates. */
export function isCalibrated(method: Method): method is CalibratedMethod {
  return method.kind === "activation-aware" || method.kind === "distilled";
}

/** A method for a person: `"activation-aware (corrected, 256 rows, seed 1)"`. */
export function describeMethod(method: Method): string {
  if (!isCalibrated(method)) return method.kind;
  const amount = method.kind === "distilled"
    ? `${method.steps} steps of ${method.batch}`
    : `${method.rows} rows`;
  return `${method.kind} (${method.variant}, ${amount}, seed ${method.seed})`;
}
