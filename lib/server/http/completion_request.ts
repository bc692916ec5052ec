/** What `POST /v1/completions` may be asked: texts to go on with. Not here: the answer (`completions.ts`). */

import * as v from "valibot";
import { parseFields, sharedFields, sharedNeutral } from "./request_fields.ts";

const id = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const texts = v.pipe(v.array(v.string()), v.minLength(1));
const ids = v.pipe(v.array(id), v.minLength(1));

const fields = {
  ...sharedFields,
  prompt: v.union([v.string(), texts, ids, v.pipe(v.array(ids), v.minLength(1))]),
  echo: v.optional(v.boolean(), false),
  /** Likeliest tokens to tell beside each token. */
  logprobs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(20))),
};

/** Fields that are not supported, and values at which they change nothing. */
const neutral = {
  ...sharedNeutral,
  suffix: ['""'],
  best_of: ["1"],
  add_special_tokens: ["true"],
};

/** A request, checked. */
export type CompletionRequest = Omit<ReturnType<typeof parse>, "prompt"> & {
  /** Texts, or ids of tokens. */
  readonly prompts: readonly (string | readonly number[])[];
};

const parse = (json: unknown) => parseFields(json, fields, neutral);

/** @throws {ApiError} that names the field at fault. */
export function parseCompletionRequest(json: unknown): CompletionRequest {
  const { prompt, ...request } = parse(json);
  const isOne = typeof prompt === "string" || typeof prompt[0] === "number";
  const prompts = (isOne ? [prompt] : prompt) as (string | number[])[];
  return { ...request, prompts };
}
