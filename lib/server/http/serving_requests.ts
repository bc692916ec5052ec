/** What a client asks, as requests to a scheduler, one a text. */

import { completeSampling } from "../../model/serving/sampling_settings.ts";
import { OptionError } from "../../util/errors.ts";
import type { ServingRequest } from "../request.ts";
import { ApiError } from "./api_error.ts";
import type { ServerContext } from "./context.ts";
import type { Limits } from "./limits.ts";
import { samplingOf, type SharedRequest } from "./request_fields.ts";
import type { TenantTexts } from "./tenant_texts.ts";

/** What is asked, in tokens. */
export interface Asked {
  readonly request: SharedRequest;
  /** Each with `n` answers. */
  readonly prompts: readonly Int32Array[];
  /** Most tokens of an answer; `null`: as many as there is room for. */
  readonly mostTokens: number | null;
  /** Likeliest tokens to tell with each; `null`: none, nor its own probability. */
  readonly logprobs: number | null;
  readonly texts: TenantTexts;
}

/** @throws {ApiError} if they are too many, or one has no room. */
export function servingRequests(
  { limits, longest, catalogue }: ServerContext,
  { request, prompts, mostTokens, logprobs, texts }: Asked,
): ServingRequest[] {
  checkCount(prompts.length * request.n, limits);
  const given = { ...samplingOf(request), logprobs };
  const sampling = completeSampling(given, texts.vocabularySize);
  const ends = request.ignore_eos ? [] : texts.endTokens;
  const strange = request.stop_token_ids.find((id) => id < 0 || id >= texts.vocabularySize);
  if (strange !== undefined) {
    const fault = { problem: "is no token of the model", option: "stop_token_ids", value: strange };
    throw new ApiError("invalid", { ...fault, expected: `ids below ${texts.vocabularySize}` });
  }
  const stops = { strings: [request.stop].flat(), tokens: [...ends, ...request.stop_token_ids] };
  return prompts.flatMap((prompt) => {
    const room = longest - prompt.length;
    if (prompt.length === 0 || room < (mostTokens ?? 1)) throw noRoom(prompt, mostTokens, longest);
    return Array.from({ length: request.n }, (_, index) => ({
      tenant: request.model === catalogue.parts.name ? null : request.model,
      prompt,
      // Answers to one prompt differ from each other, and are the same again for the same seed.
      sampling: { ...sampling, seed: sampling.seed + index },
      stops,
      mostTokens: mostTokens ?? room,
      decoder: texts.tokenizer.decoder,
      firstWithin: limits.firstMilliseconds,
      wholeWithin: limits.answerMilliseconds,
    }));
  });
}

/** @throws {ApiError} if so many texts are more than one request may ask for. */
export function checkCount(count: number, { choices }: Limits): void {
  if (count <= choices) return;
  const fault = { problem: "asks for too many texts", option: "n", value: count };
  throw new ApiError("invalid", { ...fault, expected: `${choices} at most, prompts times n` });
}

function noRoom({ length }: Int32Array, mostTokens: number | null, longest: number): ApiError {
  const problem = length === 0 ? "has no token" : "has no room for an answer";
  const value = length === 0 ? undefined : `${length} tokens, and ${mostTokens ?? 1} of an answer`;
  const expected = length === 0 ? "one at least" : `${longest} together at most`;
  return new ApiError("tooLong", {
    problem: `the prompt ${problem}`,
    option: "prompt",
    value,
    expected,
  });
}

/** Characters that tokens come to at most, on average over a prompt: those of English come to four or five. */
const LONGEST_TOKENS = 64;

/**
 * Refuses a text that is too long for any model before it is cut into tokens, which takes seconds for megabytes.
 *
 * @throws {ApiError} if it is.
 */
export function checkLength(text: string, option: string, longest: number): void {
  const most = LONGEST_TOKENS * longest;
  if (text.length <= most) return;
  const value = `${text.length} characters`;
  const expected = `${most} at most, of ${longest} tokens`;
  throw new ApiError("tooLong", { problem: "has no room", option, value, expected });
}

/** Ids that a client gave. @throws {OptionError} if one is none of the model's. */
export function checkedIds(ids: readonly number[], { vocabularySize }: TenantTexts): Int32Array {
  const beyond = ids.find((id) => id >= vocabularySize);
  if (beyond === undefined) return Int32Array.from(ids);
  const expected = `ids below ${vocabularySize}`;
  throw new OptionError({
    problem: "is no token of the model",
    option: "prompt",
    value: beyond,
    expected,
  });
}
