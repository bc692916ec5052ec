/** Which errors of this library become which refusals of a request. What is no client's fault tells it nothing more. */

import { basename } from "node:path";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import {
  CheckpointError,
  ConfigError,
  DeltaError,
  DeviceMemoryError,
  HubError,
  HubFileError,
  HubRefusalError,
  InputError,
  OptionError,
  OutputError,
  ServingError,
  TensorFileError,
  TokenizerError,
} from "../../util/errors.ts";
import {
  DeadlineError,
  DrainingError,
  QueueFullError,
  TenantLoadError,
  UnknownTenantError,
} from "../refusals.ts";
import { ApiError, type RefusalKind } from "./api_error.ts";

type AnyError = abstract new (...given: never[]) => Error;

/** The first whose class an error is of. */
const KINDS: readonly (readonly [AnyError, RefusalKind])[] = [
  [QueueFullError, "full"],
  [DrainingError, "draining"],
  [UnknownTenantError, "noModel"],
  [DeadlineError, "late"],
  [HubFileError, "noModel"],
  [HubRefusalError, "noModel"],
  [HubError, "hub"],
  [DeltaError, "badDelta"],
  [TensorFileError, "badDelta"],
  [CheckpointError, "badDelta"],
  [ConfigError, "badDelta"],
  [OptionError, "invalid"],
  [TokenizerError, "invalid"],
  [DeviceMemoryError, "noRoom"],
  [TenantLoadError, "noRoom"],
  [ServingError, "invalid"],
  [OutputError, "fault"],
];

/** An error as a client is told of it. */
export function refusalOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof DOMException && error.name === "AbortError") return clientGone(error);
  // That a tenant could not be loaded says less than why.
  if (error instanceof TenantLoadError && error.fault.cause instanceof InputError) {
    const { kind, fault } = refusalOf(error.fault.cause);
    return new ApiError(kind === "invalid" ? "noRoom" : kind, fault);
  }
  const kind = KINDS.find(([Kind]) => error instanceof Kind)?.[1] ?? "fault";
  if (kind === "fault" || !(error instanceof InputError)) {
    const problem = "something went wrong in the server";
    const expected = "an answer; its log says more, by the X-Request-Id of this one";
    return new ApiError("fault", { problem, expected, cause: error });
  }
  const { file, option, ...fault } = error.fault;
  const shown = {
    ...fault,
    // Where things lie on this machine is nobody's business.
    ...file === undefined ? {} : { file: isHubName(file) ? file : basename(file) },
    ...option === undefined ? {} : { option: snakeCase(option) },
  };
  return new ApiError(kind, shown, error instanceof QueueFullError ? error.retryAfter : undefined);
}

/** That nobody waits for the answer any more. */
export function clientGone(cause?: unknown): ApiError {
  const problem = "the client went away";
  return new ApiError("clientGone", { problem, expected: "a reader to the end", cause });
}

/** `topP` is `top_p` to clients. */
function snakeCase(option: string): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
