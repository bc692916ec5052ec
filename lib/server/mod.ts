/** What users call to serve many fine-tunes of one base. */

export { type Clock, realClock } from "./clock.ts";
export {
  DeadlineError,
  DrainingError,
  QueueFullError,
  TenantLoadError,
  UnknownTenantError,
} from "./refusals.ts";
export type {
  Answer,
  AnswerEvent,
  EndEvent,
  FinishReason,
  RequestRecord,
  RequestTaker,
  SchedulerStatistics,
  ServingListener,
  ServingRequest,
  TenantStatistics,
  TokenEvent,
} from "./request.ts";
export type {
  TenantDirectory,
  TenantHold,
  TenantSource,
  TenantStanding,
  TenantState,
} from "./tenant_directory.ts";
export { addKey, type KeyEntry, readKeys } from "./http/keys.ts";
export { defaultLimits, type Limits } from "./http/limits.ts";
export { jsonLog, type Log, type LogFields } from "./http/log.ts";
export {
  openServer,
  type Server,
  type ServerOptions,
  type ServingParts,
} from "./http/open_server.ts";
export { Residency, type ResidencyOptions } from "./residency.ts";
export { Scheduler } from "./scheduler.ts";
export type { SchedulerOptions } from "./scheduler_options.ts";
export { generateTrace, type TraceSettings, traceSettings } from "./traces/generate_trace.ts";
export {
  type Percentiles,
  randomRequest,
  type ReplayedRequest,
  type ReplayOptions,
  type ReplayReport,
  replayTrace,
} from "./traces/replay.ts";
export { readTrace, TraceError, type TraceRequest, writeTrace } from "./traces/trace.ts";
