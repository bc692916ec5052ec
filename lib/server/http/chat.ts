/** `POST /v1/chat/completions`: the next message of a conversation, in the words of OpenAI's API. */

import type { ChatMessage, ChatTemplate } from "../../checkpoint/chat_template.ts";
import { TokenizerError } from "../../util/errors.ts";
import type { TokenEvent } from "../request.ts";
import { answer, type AnswerForm, type MoreFields, moreFields, textsOf } from "./answering.ts";
import { ApiError } from "./api_error.ts";
import { readJsonBody } from "./body.ts";
import { type ChatRequest, parseChatRequest } from "./chat_request.ts";
import type { Handler } from "./context.ts";
import { checkLength } from "./serving_requests.ts";
import { type TenantTexts, tokenText } from "./tenant_texts.ts";

/** The handler. */
export const chat: Handler = async (context, exchange) => {
  const request = parseChatRequest(await readJsonBody(exchange.request, context.limits));
  const texts = await textsOf(context, exchange, request.model);
  if (texts.template === null) {
    const problem = "the model has no chat template";
    const expected = "one that has, or POST /v1/completions";
    throw new ApiError("unsupported", { problem, option: "model", value: request.model, expected });
  }
  const text = rendered(texts.template, request.messages);
  checkLength(text, "messages", context.longest);
  // The template writes the special tokens that begin a text itself.
  const ids = await texts.tokenizer.encodeWithoutSpecial(text, { signal: exchange.request.signal });
  const logprobs = request.logprobs ? request.top_logprobs ?? 0 : null;
  const asked = {
    request,
    prompts: [Int32Array.from(ids)],
    mostTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    logprobs,
    texts,
  };
  const form = chatForm(request, logprobs === null ? null : texts);
  return await answer(context, exchange, asked, form);
};

/** @throws {ApiError} if the template refuses them. */
function rendered(template: ChatTemplate, messages: readonly ChatMessage[]): string {
  try {
    return template.render(messages);
  } catch (error) {
    if (!(error instanceof TokenizerError)) throw error;
    const { problem, value, expected } = error.fault;
    throw new ApiError("invalid", { problem, option: "messages", value, expected, cause: error });
  }
}

/** @param told what makes text of tokens; `null`: no probabilities are told. */
function chatForm(request: ChatRequest, told: TenantTexts | null): AnswerForm {
  const id = `chatcmpl-${crypto.randomUUID()}`;
  const created = Math.floor(Date.now() / 1000);
  const head = { id, object: "chat.completion.chunk", created, model: request.model };
  const one = ({ token, logprob }: { token: number; logprob: number | null }) => {
    const text = tokenText(told!.tokenizer, token);
    const isPart = text.includes("\ufffd");
    return { token: text, logprob, bytes: isPart ? null : [...new TextEncoder().encode(text)] };
  };
  const probabilities = (tokens: readonly TokenEvent[]) =>
    told === null
      ? null
      : { content: tokens.map((each) => ({ ...one(each), top_logprobs: each.top.map(one) })) };
  const part = (
    index: number,
    delta: { role?: string; content?: string },
    logprobs: ReturnType<typeof probabilities>,
    finish_reason: string | null,
    more: MoreFields = {},
  ) => [{ ...head, choices: [{ index, delta, logprobs, finish_reason, ...more }] }];
  return {
    whole: (choices, usage) => ({
      ...head,
      object: "chat.completion",
      choices: choices.map(({ text: content, tokens, end, kl }, index) => ({
        index,
        message: { role: "assistant", content, refusal: null },
        logprobs: probabilities(tokens),
        finish_reason: end.reason,
        ...moreFields(request, tokens, kl),
      })),
      usage,
    }),
    first: (choice) => part(choice, { role: "assistant", content: "" }, null, null),
    token: (choice, event, kl) => {
      const more = moreFields(request, [event], kl);
      const isTold = event.text !== "" || told !== null || Object.keys(more).length > 0;
      return isTold
        ? part(
          choice,
          { content: event.text },
          probabilities([event]),
          null,
          more,
        )
        : [];
    },
    end: (choice, { text, reason }) =>
      part(choice, text === "" ? {} : { content: text }, null, reason),
    usage: (usage) => ({ ...head, choices: [], usage }),
  };
}
