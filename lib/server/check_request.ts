/** Whether a request is one, before it waits. */

import type { BatchModel } from "../model/serving/batch_model.ts";
import { checkStops } from "../model/serving/stop.ts";
import { OptionError } from "../util/errors.ts";
import type { ServingRequest } from "./request.ts";

/** @throws {OptionError} naming what is wrong with it. */
export function checkRequest(request: ServingRequest, model: BatchModel): void {
  const { prompt, mostTokens, stops, decoder } = request;
  const refuse = (
    option: string,
    value: unknown,
    expected: string,
    problem = "cannot be served",
  ) => {
    throw new OptionError({ problem, option, value, expected });
  };
  if (prompt.length === 0) refuse("prompt", "no token", "one token at least");
  const { vocabularySize } = model.config;
  const strange = prompt.find((token) => token < 0 || token >= vocabularySize);
  if (strange !== undefined) refuse("prompt", strange, `ids of tokens below ${vocabularySize}`);
  if (!Number.isInteger(mostTokens) || mostTokens < 1) {
    refuse("mostTokens", mostTokens, "a whole number above 0");
  }
  if (prompt.length + mostTokens > model.longest) {
    const value = `${prompt.length} tokens and ${mostTokens} more`;
    refuse("prompt", value, `${model.longest} together at most`, "is too long");
  }
  checkStops(stops);
  if (decoder === null && stops.strings.length > 0) {
    refuse("stop", stops.strings, "no strings where no text is made");
  }
  for (const option of ["firstWithin", "wholeWithin"] as const) {
    const value = request[option];
    if (value !== undefined && !(value >= 0)) refuse(option, value, "milliseconds");
  }
}
