/** What users call to run a model token by token: sequences of a base and of tenants on it. */

export type { BatchModel, NextToken, Sequence, TenantHost } from "./serving/batch_model.ts";
export type { SampledToken, TokenLogprob } from "./serving/sampling.ts";
export {
  completeSampling,
  type Sampling,
  type SamplingNumbers,
  samplingSettings,
} from "./serving/sampling_settings.ts";
export type { Stops } from "./serving/stop.ts";
