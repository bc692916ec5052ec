/** What a request is answered when nobody else is there, token by token, and how its answer is read. */

import type { TokenDecoder } from "../../lib/checkpoint/token_decoder.ts";
import { Sampler } from "../../lib/model/serving/sampling.ts";
import { completeSampling } from "../../lib/model/serving/sampling_settings.ts";
import type { Answer, AnswerEvent, EndEvent, ServingRequest } from "../../lib/server/request.ts";
import { plainLogits, VOCABULARY } from "./plain_host.ts";

/** A decoder that shows each token as a letter. */
export const letters = {
  decode: (ids: readonly number[]) => ids.map((id) => "abcdefgh"[id % 8]).join(""),
  isByte: () => false,
  isSpecial: () => false,
} as unknown as TokenDecoder;

/** A request with what is not said filled in. */
export function request(given: Partial<ServingRequest> = {}): ServingRequest {
  return {
    tenant: null,
    prompt: Int32Array.of(1, 2, 3),
    sampling: completeSampling({}, VOCABULARY),
    stops: { strings: [], tokens: [] },
    mostTokens: 5,
    decoder: letters,
    ...given,
  };
}

/** An answer, read to its end. */
export interface Whole {
  readonly tokens: number[];
  readonly text: string;
  readonly reason: string;
  readonly stop: string | number | null;
}

/** The answer of a request alone. */
export function alone({ tenant, prompt, sampling, stops, mostTokens }: ServingRequest): Whole {
  const sampler = new Sampler(sampling, prompt);
  const tokens: number[] = [];
  let text = "";
  while (tokens.length < mostTokens) {
    const { token } = sampler.next(plainLogits(tenant, [...prompt, ...tokens]));
    tokens.push(token);
    if (stops.tokens.includes(token)) return { tokens, text, reason: "stop", stop: token };
    text += letters.decode([token]);
    const found = stops.strings.filter((each) => text.endsWith(each))
      .sort((one, other) => other.length - one.length)[0];
    if (found === undefined) continue;
    return { tokens, text: text.slice(0, -found.length), reason: "stop", stop: found };
  }
  return { tokens, text, reason: "length", stop: null };
}

/** What an answer was, of its events. */
export function whole(events: readonly AnswerEvent[]): Whole {
  const end = events.at(-1) as EndEvent;
  return {
    tokens: events.flatMap((event) => event.kind === "token" ? event.token : []),
    text: events.map(({ text }) => text).join(""),
    reason: end.reason,
    stop: end.stop,
  };
}

/** Reads an answer to its end. */
export async function read(answer: Answer): Promise<Whole> {
  return whole(await Array.fromAsync(answer));
}
