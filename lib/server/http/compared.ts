/** Events of an answer, each token with how far another model is from the one that answers, where that is asked. */

import type { ServingRequest } from "../request.ts";
import { ApiError } from "./api_error.ts";
import type { ChoiceEvent } from "./choices.ts";
import type { ServerContext } from "./context.ts";
import { Divergence } from "./divergence.ts";
import { type KeyEntry, mayUse } from "./keys.ts";
import type { SharedRequest } from "./request_fields.ts";

/** Sequences that a text takes, its own among them. */
export function sequencesOf({ kl_against }: SharedRequest): number {
  return kl_against === undefined ? 1 : 3;
}

/**
 * Checks that an answer can be compared, where that is asked.
 *
 * @throws {ApiError} if it is several, or the other model is none of the key's.
 */
export function checkCompared(
  { catalogue, model }: ServerContext,
  key: KeyEntry,
  { kl_against: other }: SharedRequest,
  requests: readonly ServingRequest[],
): void {
  if (other === undefined) return;
  const option = "kl_against";
  if (!mayUse(key, other)) catalogue.refuse(other, option);
  catalogue.standing(other, option);
  if (model === null) {
    const expected = "a request without it";
    throw new ApiError("unsupported", { problem: "is not supported", option, expected });
  }
  if (requests.length === 1) return;
  const expected = "one prompt, and n of 1";
  throw new ApiError("invalid", {
    problem: "compares one text",
    option,
    value: requests.length,
    expected,
  });
}

/** The events, compared where that is asked. */
export async function* compared(
  { catalogue, model, directory }: ServerContext,
  { kl_against: other }: SharedRequest,
  [{ tenant, prompt, mostTokens }]: readonly ServingRequest[],
  events: AsyncIterable<ChoiceEvent>,
): AsyncGenerator<ChoiceEvent, void> {
  if (other === undefined || model === null) {
    yield* events;
    return;
  }
  const names = [tenant, other === catalogue.parts.name ? null : other];
  const room = prompt.length + mostTokens;
  for (const name of names) if (name !== null) (await directory.load(name)).release();
  using opened = new DisposableStack();
  let both: Divergence | null = null;
  let left = mostTokens;
  for await (const each of events) {
    if (each.event.kind === "end") {
      yield each;
      continue;
    }
    // The answer has its own room by now.
    both ??= opened.use(await Divergence.open({ model, directory }, names, prompt, room));
    yield { ...each, kl: both.next };
    if (--left > 0) await both.push(each.event.token);
  }
}
