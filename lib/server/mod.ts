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
