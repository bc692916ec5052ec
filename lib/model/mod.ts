/** What users call to run a model token by token: sequences of a base and of tenants on it. */

export type { BatchModel, NextToken, Sequence, TenantHost } from "./serving/batch_model.ts";
export { IncrementalText } from "./serving/incremental_text.ts";
export { type SampledToken, Sampler, type TokenLogprob } from "./serving/sampling.ts";
export {
  completeSampling,
  type Sampling,
  type SamplingNumbers,
  samplingSettings,
} from "./serving/sampling_settings.ts";
export { type CertainText, checkStops, type Stops, StopStrings } from "./serving/stop.ts";
export type { AnswerEnd, ContinuationRequest, GeneratedToken } from "./serving/continuation.ts";
export { generate, type GenerationEvent, type GenerationRequest } from "./serving/generate.ts";
export { generateAll, type GeneratedText } from "./serving/generate_all.ts";
export type { RowModelOptions } from "./serving/row_model.ts";
export { TenantModel } from "./serving/tenant_model.ts";
