/** Whether a request is one, before it waits. */

import type { BatchModel } from "../model/serving/batch_model.ts";
import { OptionError } from "../util/errors.ts";
import type { ServingRequest } from "./request.ts";

/**
 * Checks what its answer does not (`Continuation`).
 *
 * @throws {OptionError} naming what is wrong with it.
 */
export function checkRequest(request: ServingRequest, model: BatchModel): void {
  const { tenant, prompt, mostTokens } = request;
  const refuse = (option: string, value: unknown, expected: string) => {
    throw new OptionError({ problem: "cannot be served", option, value, expected });
  };
  // A tenant's own vocabulary is not known before it is loaded; the model checks each token again.
  const limit = tenant === null ? model.config.vocabularySize : Infinity;
  const strange = prompt.find((token) => token < 0 || token >= limit);
  if (strange !== undefined) refuse("prompt", strange, `ids of tokens below ${limit}`);
  if (prompt.length + mostTokens > model.longest) {
    const value = `${prompt.length} tokens and ${mostTokens} more`;
    refuse("prompt", value, `${model.longest} together at most`);
  }
  for (const option of ["firstWithin", "wholeWithin"] as const) {
    const value = request[option];
    if (value !== undefined && !(value >= 0)) refuse(option, value, "milliseconds");
  }
}
