/** What users call to measure: a pair, tasks, and measurements that are kept. */

export type { PairGenerateOptions, PairModel, PairText } from "./generated_texts.ts";
export { type EvaluatedModels, keepEvaluation } from "./kept_evaluation.ts";
export { machineClass } from "./machine.ts";
export { MeasurementStore } from "./measurement_store.ts";
export type {
  Circumstances,
  CompressionKey,
  CompressionResult,
  Cost,
  EvaluationKey,
  TimingKey,
} from "./measurement_schema.ts";
export * from "./pair.ts";
export type { Fidelity } from "./delta_fidelity.ts";
export type { Quality } from "./quality.ts";
export * from "./run.ts";
export { type CompressedModel, describeModel, type ScoredModel } from "./scored_model.ts";
export type { ContentSchema, Found, Kind, Measurement, Task } from "./task.ts";
export type { Timing } from "./timing.ts";
