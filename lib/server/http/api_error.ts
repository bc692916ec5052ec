/**
 * What a client is told that did not get what it asked for: OpenAI's `{ error: { message, type, param, code } }`
 * and a status. Not here: which errors of other rooms become which (`refusals_of_errors.ts`).
 */

import { type Fault, InputError } from "../../util/errors.ts";

const INVALID = "invalid_request_error";

/** Status, type and code of each kind of refusal, as OpenAI has them where it has the kind. */
export const REFUSALS = {
  invalid: [400, INVALID, "invalid_value"],
  unknownField: [400, INVALID, "unknown_parameter"],
  unsupported: [400, INVALID, "unsupported_parameter"],
  tooLong: [400, INVALID, "context_length_exceeded"],
  badDelta: [400, INVALID, "delta_refused"],
  noKey: [401, INVALID, "invalid_api_key"],
  notAllowed: [403, "permission_error", "insufficient_permissions"],
  noModel: [404, INVALID, "model_not_found"],
  noRoute: [404, INVALID, "unknown_url"],
  wrongMethod: [405, INVALID, "method_not_supported"],
  slowClient: [408, "timeout_error", "request_timeout"],
  conflict: [409, INVALID, "conflict"],
  tooLarge: [413, INVALID, "request_too_large"],
  notJson: [415, INVALID, "unsupported_media_type"],
  tooMany: [429, "rate_limit_error", "rate_limit_exceeded"],
  full: [429, "rate_limit_error", "server_overloaded"],
  clientGone: [499, "cancelled", "client_closed_request"],
  fault: [500, "server_error", "internal_error"],
  hub: [502, "server_error", "hub_unavailable"],
  noRoom: [503, "server_error", "no_room"],
  draining: [503, "server_error", "shutting_down"],
  late: [504, "timeout_error", "deadline_exceeded"],
} as const satisfies Record<string, readonly [status: number, type: string, code: string]>;

/** A kind of refusal. */
export type RefusalKind = keyof typeof REFUSALS;

/** A request that is refused; `fault.option` names the field at fault. */
export class ApiError extends InputError {
  /** `retryAfter`: whole seconds after which the same request may succeed. */
  constructor(readonly kind: RefusalKind, fault: Fault, readonly retryAfter?: number) {
    super(fault);
  }

  /** Status and code, as a log has them. */
  get told(): { status: number; code: string } {
    const [status, , code] = REFUSALS[this.kind];
    return { status, code };
  }

  /** The body, as OpenAI's clients read it; within a stream, an event's data. */
  toJSON(): { error: { message: string; type: string; param: string | null; code: string } } {
    const [, type, code] = REFUSALS[this.kind];
    return { error: { message: this.message, type, param: this.fault.option ?? null, code } };
  }

  /** The response. */
  toResponse(): Response {
    const headers: Record<string, string> = {};
    if (this.retryAfter !== undefined) headers["Retry-After"] = String(this.retryAfter);
    if (this.kind === "noKey") headers["WWW-Authenticate"] = "Bearer";
    return Response.json(this, { status: this.told.status, headers });
  }
}
