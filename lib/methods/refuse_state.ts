/** A state that was asked for where none is kept. */

import { OptionError } from "../util/errors.ts";
import type { Method } from "./method.ts";

/** @throws {OptionError} if there is a state. */
export function refuseState(method: Method, state: string | undefined): void {
  if (state === undefined) return;
  throw new OptionError({
    problem: `is not for method '${method.name}'`,
    option: "state",
    value: state,
    expected: "a method that trains, or a file that the delta goes to",
  });
}
