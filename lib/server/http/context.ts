/** What the routes of a server share. */

import type { BatchModel } from "../../model/serving/batch_model.ts";
import type { RequestTaker } from "../request.ts";
import type { TenantDirectory } from "../tenant_directory.ts";
import type { Allowances } from "./allowance.ts";
import type { Catalogue } from "./catalogue.ts";
import type { KeyEntry } from "./keys.ts";
import type { Limits } from "./limits.ts";
import type { Log, LogFields } from "./log.ts";
import type { ServerMetrics } from "./metrics.ts";

/** Of one server. */
export interface ServerContext {
  readonly catalogue: Catalogue;
  readonly taker: RequestTaker;
  /** What the taker runs, for what goes along beside it; `null`: nothing does. */
  readonly model: BatchModel | null;
  readonly directory: TenantDirectory;
  readonly metrics: ServerMetrics;
  readonly allowances: Allowances;
  /** `null`: nobody has to show one. */
  readonly keys: readonly KeyEntry[] | null;
  readonly limits: Limits;
  readonly log: Log;
  /** Of this project. */
  readonly version: string;
  /** Tokens that prompt and answer may have together. */
  readonly longest: number;
  /** Aborted once the server is to end. */
  readonly stopping: AbortSignal;
  /** Origins whose pages may ask, or `*`. */
  readonly origins: readonly string[];
  /** Seconds since 1970 at which it began. */
  readonly began: number;
}

/** One request on its way. */
export interface Exchange {
  readonly request: Request;
  /** Parts of the path that the route leaves open. */
  readonly names: readonly string[];
  readonly key: KeyEntry;
  /** Adds to the line of the log. */
  note(fields: LogFields): void;
  /** Says that the answer goes on after its head, until `ended` is called. */
  goesOn(): { ended(fields: LogFields): void };
}

/** Answers a request. */
export type Handler = (context: ServerContext, exchange: Exchange) => Promise<Response> | Response;
