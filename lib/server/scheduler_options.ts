/** What a scheduler may be told, and what it does where nothing is said. */

import { OptionError } from "../util/errors.ts";
import { type Clock, realClock } from "./clock.ts";
import type { ServingListener } from "./request.ts";
import type { TenantDirectory } from "./tenant_directory.ts";

/** What a scheduler may be told. */
export interface SchedulerOptions {
  /** Tenants by name; default `null`: none, and the base alone is served. */
  readonly tenants?: TenantDirectory | null;
  /** Requests that wait at most; default 256. */
  readonly mostWaiting?: number;
  /** Sequences that run at most; default twice as many as one step takes. */
  readonly mostRunning?: number;
  /** Tokens that a reader may leave unread before its answer waits for it; default 256. */
  readonly mostUnread?: number;
  /** Milliseconds that an answer waits so before it ends; default 30,000. */
  readonly patience?: number;
  /** Default: real time. */
  readonly clock?: Clock;
  /** Who is told what happens; it must not throw. */
  readonly listener?: ServingListener;
}

/**
 * Options with defaults.
 *
 * @param mostRows that one step takes.
 * @throws {OptionError} if a number is none above 0.
 */
export function completeOptions(
  given: SchedulerOptions,
  mostRows: number,
): Required<SchedulerOptions> {
  const options = {
    tenants: given.tenants ?? null,
    mostWaiting: given.mostWaiting ?? 256,
    mostRunning: given.mostRunning ?? 2 * mostRows,
    mostUnread: given.mostUnread ?? 256,
    patience: given.patience ?? 30_000,
    clock: given.clock ?? realClock,
    listener: given.listener ?? {},
  };
  for (const option of ["mostWaiting", "mostRunning", "mostUnread", "patience"] as const) {
    const value = options[option];
    if (Number.isInteger(value) && value > 0) continue;
    const expected = "a whole number above 0";
    throw new OptionError({ problem: "does not fit a scheduler", option, value, expected });
  }
  return options;
}
