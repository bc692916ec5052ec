/** What `POST /v1/chat/completions` may be asked: a conversation to answer. Not here: the answer (`chat.ts`). */

import * as v from "valibot";
import type { ChatMessage } from "../../checkpoint/chat_template.ts";
import { ApiError } from "./api_error.ts";
import { parseFields, sharedFields, sharedNeutral } from "./request_fields.ts";

const textPart = v.strictObject({ type: v.literal("text"), text: v.string() });
const message = v.strictObject({
  role: v.picklist(["system", "developer", "user", "assistant"]),
  content: v.union([v.string(), v.pipe(v.array(textPart), v.minLength(1))]),
  name: v.optional(v.string()),
});

const fields = {
  ...sharedFields,
  messages: v.pipe(v.array(v.unknown()), v.minLength(1)),
  max_completion_tokens: v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  logprobs: v.optional(v.boolean(), false),
  top_logprobs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(20))),
};

/** Fields that are not supported, and values at which they change nothing. */
const neutral = {
  ...sharedNeutral,
  tools: ["[]"],
  tool_choice: ['"none"', '"auto"'],
  functions: ["[]"],
  function_call: ['"none"', '"auto"'],
  modalities: ['["text"]'],
  audio: [],
  store: ["false"],
  reasoning_effort: ['"none"'],
  verbosity: [],
  web_search_options: [],
  echo: ["false"],
  best_of: ["1"],
  add_generation_prompt: ["true"],
  continue_final_message: ["false"],
  add_special_tokens: ["false"],
  chat_template: [],
  chat_template_kwargs: ["{}"],
  documents: ["[]"],
};

/** Fields of a message that say nothing where they are empty. */
const EMPTY = [
  "refusal",
  "audio",
  "function_call",
  "tool_calls",
  "annotations",
  "reasoning_content",
];

const parse = (json: unknown) => parseFields(json, fields, neutral);

/** A request, checked. */
export type ChatRequest = Omit<ReturnType<typeof parse>, "messages"> & {
  readonly messages: readonly ChatMessage[];
};

/** @throws {ApiError} that names the field at fault. */
export function parseChatRequest(json: unknown): ChatRequest {
  const request = parse(json);
  if (request.top_logprobs !== undefined && !request.logprobs) {
    const expected = "logprobs: true beside it";
    throw new ApiError("invalid", {
      problem: "asks for nothing",
      option: "top_logprobs",
      expected,
    });
  }
  return { ...request, messages: request.messages.map(parseMessage) };
}

function parseMessage(json: unknown, at: number): ChatMessage {
  const given = typeof json === "object" && json !== null ? Object.entries(json) : [];
  const isSaid = ([name, value]: [string, unknown]) =>
    !(EMPTY.includes(name) && (value === null || Array.isArray(value) && value.length === 0));
  const parsed = v.safeParse(message, Object.fromEntries(given.filter(isSaid)), {
    abortEarly: true,
  });
  if (parsed.success) {
    const { role, content, name } = parsed.output;
    // Parts are lines, as in vLLM.
    const text = typeof content === "string"
      ? content
      : content.map((each) => each.text).join("\n");
    // What OpenAI calls so of late, templates call by its old name.
    const said = { role: role === "developer" ? "system" : role, content: text };
    return name === undefined ? said : { ...said, name };
  }
  const path = v.getDotPath(parsed.issues[0]);
  throw new ApiError("invalid", {
    problem: "is no message that is supported here",
    option: `messages[${at}]${path === null ? "" : `.${path}`}`,
    expected: "a role (system, developer, user or assistant) and content: a text or parts of text",
  });
}
