/** What users call to measure: a pair, and measurements that are kept. */

export {
  type CalibrationResult,
  type Circumstances,
  type Measurement,
  type Results,
  sha256,
  type Task,
} from "./measurement.ts";
export { MeasurementStore } from "./measurement_store.ts";
export type { CalibratedMethod, Method, PlainMethod } from "./method.ts";
export * from "./pair.ts";
export * from "./run.ts";
export type { Timing } from "./timing.ts";
