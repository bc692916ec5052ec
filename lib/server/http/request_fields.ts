/**
 * The fields that both kinds of request have, OpenAI's and those of vLLM that many clients send: what they may be,
 * which change nothing here, and which are refused by name.
 */

import * as v from "valibot";
import type { Sampling } from "../../model/serving/sampling_settings.ts";
import { firstIssue } from "../../util/json_file.ts";
import { ApiError } from "./api_error.ts";

const whole = v.pipe(v.number(), v.safeInteger());
const number = v.pipe(v.number(), v.finite());
const bounded = (minimum: number, maximum: number) =>
  v.pipe(
    v.number(),
    v.check(
      (value) => value >= minimum && value <= maximum,
      `a number from ${minimum} to ${maximum}`,
    ),
  );

/** Fields of both kinds. `null` is as good as none. */
export const sharedFields = {
  model: v.string(),
  max_tokens: v.optional(v.pipe(whole, v.minValue(1))),
  temperature: v.optional(bounded(0, 2)),
  top_p: v.optional(bounded(0, 1)),
  /** As vLLM has it: 0 and −1 are all. */
  top_k: v.optional(v.pipe(whole, v.minValue(-1))),
  min_p: v.optional(bounded(0, 1)),
  repetition_penalty: v.optional(bounded(0.01, 100)),
  presence_penalty: v.optional(bounded(-2, 2)),
  frequency_penalty: v.optional(bounded(-2, 2)),
  logit_bias: v.optional(
    v.record(v.pipe(v.string(), v.regex(/^\d{1,9}$/, "a token's id")), number),
  ),
  seed: v.optional(whole),
  n: v.optional(v.pipe(whole, v.minValue(1)), 1),
  stop: v.optional(v.union([v.string(), v.array(v.string())]), []),
  stop_token_ids: v.optional(v.pipe(v.array(whole), v.maxLength(1024)), []),
  ignore_eos: v.optional(v.boolean(), false),
  stream: v.optional(v.boolean(), false),
  /** As vLLM has it: ids of tokens beside their text. */
  return_token_ids: v.optional(v.boolean(), false),
  /** Another model, by name: each token comes with KL(model ‖ other) of what was expected in its place. */
  kl_against: v.optional(v.string()),
  stream_options: v.optional(
    v.strictObject({
      include_usage: v.optional(v.boolean(), false),
      include_obfuscation: v.optional(v.boolean()),
    }),
  ),
};

/** Fields that say who asks or how soon, and change no answer. */
const IGNORED = new Set([
  ...["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"],
  ...["service_tier", "parallel_tool_calls", "prediction", "request_id", "priority"],
]);

/** Fields that are not supported, and the values at which they change nothing, as JSON. */
export const sharedNeutral: Readonly<Record<string, readonly string[]>> = {
  use_beam_search: ["false"],
  length_penalty: ["1"],
  min_tokens: ["0"],
  skip_special_tokens: ["true"],
  spaces_between_special_tokens: ["true"],
  include_stop_str_in_output: ["false"],
  prompt_logprobs: [],
  truncate_prompt_tokens: [],
  logits_processors: ["[]"],
  bad_words: ["[]"],
  allowed_token_ids: [],
  return_tokens_as_token_ids: ["false"],
  response_format: ['{"type":"text"}'],
  structured_outputs: [],
  guided_json: [],
  guided_regex: [],
  guided_choice: [],
  guided_grammar: [],
};

/**
 * Checks a request's fields.
 *
 * @param neutral fields that are refused unless they have one of these values.
 * @throws {ApiError} that names the first field at fault.
 */
export function parseFields<const Fields extends v.ObjectEntries>(
  json: unknown,
  fields: Fields,
  neutral: Readonly<Record<string, readonly string[]>>,
): v.InferOutput<v.StrictObjectSchema<Fields, undefined>> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ApiError("invalid", { problem: "the body is no JSON object", expected: "one" });
  }
  const given = Object.entries(json).filter(([name, value]) =>
    value !== null && !IGNORED.has(name)
  );
  for (const [name, value] of given) {
    if (Object.hasOwn(fields, name)) continue;
    const accepted = Object.hasOwn(neutral, name) ? neutral[name] : undefined;
    if (accepted?.includes(JSON.stringify(value))) continue;
    const expected = accepted === undefined || accepted.length === 0
      ? "a request without it"
      : `a request without it, or ${accepted.join(" or ")}`;
    throw accepted === undefined
      ? new ApiError("unknownField", { problem: "is not known here", option: name, expected })
      : new ApiError("unsupported", { problem: "is not supported", option: name, value, expected });
  }
  const known = given.filter(([name]) => Object.hasOwn(fields, name));
  // The first fault is told: to note each of a body's million elements takes the server's time and memory.
  const parsed = v.safeParse(v.strictObject(fields), Object.fromEntries(known), {
    abortEarly: true,
  });
  if (parsed.success) return parsed.output;
  throw new ApiError("invalid", {
    problem: "is not as it should be",
    ...firstIssue(parsed.issues),
  });
}

/** The fields that both kinds have, checked. */
export type SharedRequest = v.InferOutput<v.StrictObjectSchema<typeof sharedFields, undefined>>;

/** The settings of the choice of tokens that a request names; those that it does not are left to defaults. */
export function samplingOf(request: SharedRequest): Partial<Sampling> {
  const given = {
    temperature: request.temperature,
    topP: request.top_p,
    topK: request.top_k === -1 ? 0 : request.top_k,
    minP: request.min_p,
    repetitionPenalty: request.repetition_penalty,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    // Without one, answers differ from each other.
    seed: request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0],
    logitBias: new Map(
      Object.entries(request.logit_bias ?? {}).map(([id, bias]) => [Number(id), bias]),
    ),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
