/**
 * From a checked request to its answer, whole or as a stream: what both kinds of request have in common. Not here:
 * how an answer is worded (`completions.ts`, `chat.ts`).
 */

import type { EndEvent, TokenEvent } from "../request.ts";
import { ApiError } from "./api_error.ts";
import { checkCompared, compared, sequencesOf } from "./compared.ts";
import { type ChoiceEvent, gatherChoices, runChoices, type WholeChoice } from "./choices.ts";
import type { Exchange, ServerContext } from "./context.ts";
import { eventResponse, unread } from "./events.ts";
import { mayUse } from "./keys.ts";
import { clientGone } from "./refusals_of_errors.ts";
import type { SharedRequest } from "./request_fields.ts";
import { type Asked, servingRequests } from "./serving_requests.ts";
import { Tally, type Usage } from "./tally.ts";
import type { TenantTexts } from "./tenant_texts.ts";

/** How answers are worded. */
export interface AnswerForm {
  /** All texts at once. */
  whole(choices: readonly WholeChoice[], usage: Usage): unknown;
  /** What a stream begins with, for each text. */
  first(choice: number): unknown[];
  /** A token as a part of a stream; none if it tells nothing. */
  token(choice: number, event: TokenEvent, kl?: number): unknown[];
  /** The end of one text. */
  end(choice: number, event: EndEvent): unknown[];
  /** The last part, of those who ask for it. */
  usage(usage: Usage): unknown;
}

/** What choices tell beyond OpenAI's fields, of those who ask. */
export interface MoreFields {
  /** Ids of tokens, as in vLLM. */
  readonly token_ids?: readonly number[];
  /** As `kl_against` asks: of one token, or of each. */
  readonly kl?: number | readonly number[];
}

/** Fields beyond OpenAI's. */
export function moreFields(
  { return_token_ids, kl_against }: SharedRequest,
  tokens: readonly TokenEvent[],
  kl: MoreFields["kl"],
): MoreFields {
  return {
    ...return_token_ids ? { token_ids: tokens.map(({ token }) => token) } : {},
    ...kl_against === undefined ? {} : { kl },
  };
}

/** The tokens of a model that a key may use. @throws {ApiError} if there is no such model for it. */
export async function textsOf(
  { catalogue }: ServerContext,
  { key, note }: Exchange,
  model: string,
): Promise<TenantTexts> {
  const standing = mayUse(key, model) ? catalogue.standing(model) : catalogue.refuse(model);
  note({ tenant: standing?.name ?? catalogue.parts.name });
  return await catalogue.texts(model);
}

/** Answers. @throws before a stream has begun, what becomes a status. */
export async function answer(
  context: ServerContext,
  exchange: Exchange,
  asked: Asked,
  form: AnswerForm,
): Promise<Response> {
  const { request } = asked;
  const promptTokens = asked.prompts.reduce((sum, { length }) => sum + length, 0);
  exchange.note({ promptTokens });
  const requests = servingRequests(context, asked);
  checkCompared(context, exchange.key, request, requests);
  const most = requests.reduce((sum, each) => sum + each.mostTokens, promptTokens);
  const sequences = sequencesOf(request);
  const taken = context.allowances.take(exchange.key, sequences * most);
  const stop = new AbortController();
  const signal = AbortSignal.any([exchange.request.signal, stop.signal]);
  const tally = new Tally(promptTokens, requests.length);
  const settle = () => taken.settle(sequences * tally.usage.total_tokens);
  const run = counted(context, runChoices(context.taker, requests, signal), tally);
  const events = compared(context, request, requests, run);
  try {
    if (!request.stream) {
      const choices = await gatherChoices(events, requests.length);
      settle();
      exchange.note(tally.fields);
      return Response.json(form.whole(choices, tally.usage));
    }
    // What fails before the first token is a status, not an event.
    const first = await events.next();
    const later = exchange.goesOn();
    const parts = worded(
      first,
      events,
      requests.length,
      form,
      () => request.stream_options?.include_usage ? [form.usage(tally.usage)] : [],
    );
    return eventResponse(parts, {
      stallMilliseconds: context.limits.stallMilliseconds,
      last: "[DONE]",
      stop: (reason) => stop.abort(reason),
      ended: (error) => {
        settle();
        void events.return().catch(() => {});
        later.ended({ status: 200, ...tally.fields, ...error?.told });
      },
    });
  } catch (error) {
    // What was not begun costs nothing, for who is told to come again does; who leaves may have had a prompt run.
    if (tally.usage.completion_tokens > 0 || exchange.request.signal.aborted) settle();
    else taken.settle(0);
    throw exchange.request.signal.aborted ? clientGone(error) : error;
  }
}

/** @throws {ApiError} where an answer ended before it was whole. */
async function* counted(
  { stopping }: ServerContext,
  events: AsyncGenerator<ChoiceEvent>,
  tally: Tally,
): AsyncGenerator<ChoiceEvent, void> {
  for await (const each of events) {
    const { choice, event } = each;
    tally.count(choice, event);
    if (event.kind === "end") {
      if (event.reason === "unread") throw unread();
      if (event.reason === "deadline") throw stopping.aborted ? ending() : late();
    }
    yield each;
  }
}

function late(): ApiError {
  const problem = "the answer was not whole in time";
  return new ApiError("late", { problem, expected: "fewer tokens, or another time" });
}

function ending(): ApiError {
  const problem = "the server ended before the answer did";
  return new ApiError("draining", { problem, expected: "another server, or another time" }, 1);
}

async function* worded(
  first: IteratorResult<ChoiceEvent, void>,
  rest: AsyncGenerator<ChoiceEvent, void>,
  count: number,
  form: AnswerForm,
  last: () => unknown[],
): AsyncGenerator<unknown, void> {
  for (let choice = 0; choice < count; choice++) yield* form.first(choice);
  for (let next = first; !next.done; next = await rest.next()) {
    const { choice, event, kl } = next.value;
    yield* event.kind === "token" ? form.token(choice, event, kl) : form.end(choice, event);
  }
  yield* last();
}
