/** Which model a measurement is of: the pair's own two, or the base with a delta of some method. */

import type { CalibrationMethod } from "../methods/calibrate.ts";

/** A model without any calibration: the pair's own, or the base with mean |Δ| as scales. */
export interface PlainMethod {
  /** Which of them. */
  readonly kind: "base" | "fine" | "initial";
}

/** A method that calibrates, on the calibration text of a seed. */
export type CalibratedMethod = CalibrationMethod & { readonly seed: number };

/** Any model that is scored. */
export type Method = PlainMethod | CalibratedMethod;

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
