/** `POST /v1/completions`: texts that go on, in the words of OpenAI's API. */

import type { TokenEvent } from "../request.ts";
import { answer, type AnswerForm, type MoreFields, moreFields, textsOf } from "./answering.ts";
import { ApiError } from "./api_error.ts";
import { readJsonBody } from "./body.ts";
import { type CompletionRequest, parseCompletionRequest } from "./completion_request.ts";
import type { Handler } from "./context.ts";
import { checkCount, checkedIds, checkLength } from "./serving_requests.ts";
import { type TenantTexts, tokenText } from "./tenant_texts.ts";

/** Tokens of an answer where nothing else is said: OpenAI's own number. */
const TOKENS = 16;

/** The handler. */
export const completions: Handler = async (context, exchange) => {
  const request = parseCompletionRequest(await readJsonBody(exchange.request, context.limits));
  const { echo, logprobs = null, model, n } = request;
  if (echo && logprobs !== null) {
    const expected = "a request without it, or without logprobs: those of prompts are not told";
    throw new ApiError("unsupported", { problem: "is not supported", option: "echo", expected });
  }
  // Before each is cut into tokens.
  checkCount(request.prompts.length * n, context.limits);
  const texts = await textsOf(context, exchange, model);
  const { signal } = exchange.request;
  for (const prompt of request.prompts) {
    if (typeof prompt === "string") checkLength(prompt, "prompt", context.longest);
  }
  const prompts = await Promise.all(
    request.prompts.map(async (prompt) =>
      typeof prompt === "string"
        ? Int32Array.from(await texts.tokenizer.encode(prompt, { signal }))
        : checkedIds(prompt, texts)
    ),
  );
  const echoes = !echo
    ? null
    : request.prompts.map((prompt, index) =>
      typeof prompt === "string" ? prompt : texts.tokenizer.decoder.decode([...prompts[index]])
    );
  const echoOf = (choice: number) => echoes?.[Math.floor(choice / n)] ?? "";
  const mostTokens = request.max_tokens ?? TOKENS;
  const form = completionForm(request, echoOf, logprobs === null ? null : texts);
  return await answer(context, exchange, { request, prompts, mostTokens, logprobs, texts }, form);
};

/** @param told what makes text of tokens; `null`: no probabilities are told. */
function completionForm(
  request: CompletionRequest,
  echoOf: (choice: number) => string,
  told: TenantTexts | null,
): AnswerForm {
  const head = {
    id: `cmpl-${crypto.randomUUID()}`,
    object: "text_completion",
    created: Math.floor(Date.now() / 1000),
    model: request.model,
  };
  const offsets = new Map<number, number>();
  const probabilities = (choice: number, tokens: readonly TokenEvent[]) => {
    if (told === null) return null;
    const text = ({ token }: { token: number }) => tokenText(told.tokenizer, token);
    const written = tokens.map(text);
    let offset = offsets.get(choice) ?? 0;
    const text_offset = written.map(({ length }) => (offset += length) - length);
    offsets.set(choice, offset);
    return {
      tokens: written,
      token_logprobs: tokens.map(({ logprob }) => logprob),
      // Of tokens of the same text the likeliest counts: it comes last here.
      top_logprobs: tokens.map(({ top }) =>
        Object.fromEntries(top.toReversed().map((each) => [text(each), each.logprob]))
      ),
      text_offset,
    };
  };
  const part = (
    index: number,
    text: string,
    logprobs: ReturnType<typeof probabilities>,
    finish_reason: string | null,
    more: MoreFields = {},
  ) => [{ ...head, choices: [{ index, text, logprobs, finish_reason, ...more }] }];
  return {
    whole: (choices, usage) => ({
      ...head,
      choices: choices.map(({ text, tokens, end, kl }, index) => ({
        index,
        text: echoOf(index) + text,
        logprobs: probabilities(index, tokens),
        finish_reason: end.reason,
        ...moreFields(request, tokens, kl),
      })),
      usage,
    }),
    first: (choice) => echoOf(choice) === "" ? [] : part(choice, echoOf(choice), null, null),
    token: (choice, event, kl) => {
      const more = moreFields(request, [event], kl);
      const isTold = event.text !== "" || told !== null || Object.keys(more).length > 0;
      return isTold
        ? part(
          choice,
          event.text,
          probabilities(choice, [event]),
          null,
          more,
        )
        : [];
    },
    end: (choice, { text, reason }) => part(choice, text, null, reason),
    usage: (usage) => ({ ...head, choices: [], usage }),
  };
}
