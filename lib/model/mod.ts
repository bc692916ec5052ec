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
