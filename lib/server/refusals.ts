/** Why a request is refused or ends without an answer: what HTTP makes statuses of. */

import { type Fault, ServingError } from "../util/errors.ts";

/** Too many requests wait (HTTP 429). */
export class QueueFullError extends ServingError {
  /** Seconds after which there should be room, by what the server got done of late; whole, at least 1. */
  readonly retryAfter: number;

  /** Words the message from its parts. */
  constructor(fault: Fault, retryAfter: number) {
    super(fault);
    this.retryAfter = retryAfter;
  }
}
/** A request came after the server was told to end (HTTP 503). */
export class DrainingError extends ServingError {}
/** A tenant that there is none of, or that was deleted before its request began (HTTP 404). */
export class UnknownTenantError extends ServingError {}
/** A tenant that cannot be loaded: its delta is damaged, of another base, or has no room (HTTP 503). */
export class TenantLoadError extends ServingError {}
/** A request whose time was over before its first token (HTTP 504). */
export class DeadlineError extends ServingError {}

/** That there is no tenant of a name. */
export function unknownTenant(value: string | null): UnknownTenantError {
  const expected = "the name of a tenant, or of the base";
  return new UnknownTenantError({ problem: "there is no such tenant", value, expected });
}

/** That the server is told to end. */
export function draining(): DrainingError {
  return new DrainingError({ problem: "the server is ending", expected: "another server" });
}
