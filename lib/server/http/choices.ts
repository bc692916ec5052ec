/**
 * All texts that one request asks for, run at once: their events in the order in which they come. Not here: what
 * clients see of them.
 */

import type {
  Answer,
  AnswerEvent,
  EndEvent,
  RequestTaker,
  ServingRequest,
  TokenEvent,
} from "../request.ts";

/** An event of one of the texts. */
export interface ChoiceEvent {
  /** Which one, from 0. */
  readonly choice: number;
  readonly event: AnswerEvent;
  /** Of a token, how far another model is from expecting what this one does, in nats; where that is asked. */
  readonly kl?: number;
}

/** A text that is whole. */
export interface WholeChoice {
  readonly text: string;
  readonly tokens: readonly TokenEvent[];
  readonly end: EndEvent;
  /** As {@linkcode ChoiceEvent.kl}, of each token; none where that is not asked. */
  readonly kl: readonly number[];
}

/**
 * Submits requests, all or none of them.
 *
 * @param requests without signals.
 * @param signal ends them all.
 * @throws as {@linkcode RequestTaker.submit}; those before it are ended then.
 */
export async function* runChoices(
  taker: RequestTaker,
  requests: readonly ServingRequest[],
  signal: AbortSignal,
): AsyncGenerator<ChoiceEvent, void, undefined> {
  const answers: Answer[] = [];
  const ends = new AbortController();
  const any = AbortSignal.any([signal, ends.signal]);
  try {
    for (const request of requests) answers.push(taker.submit({ ...request, signal: any }));
    const next = (choice: number) => answers[choice].next().then((result) => ({ choice, result }));
    const waiting = new Map(answers.map((_, choice) => [choice, next(choice)]));
    while (waiting.size > 0) {
      const { choice, result } = await Promise.race(waiting.values());
      if (result.done) {
        waiting.delete(choice);
        continue;
      }
      yield { choice, event: result.value };
      waiting.set(choice, next(choice));
    }
  } finally {
    // Where one fails, or nobody reads on, the others have no reader either.
    ends.abort();
    for (const answer of answers) void answer.return().catch(() => {});
  }
}

/** All texts once they are whole. */
export async function gatherChoices(
  events: AsyncIterable<ChoiceEvent>,
  count: number,
): Promise<WholeChoice[]> {
  const texts = Array.from({ length: count }, () => "");
  const tokens = Array.from({ length: count }, (): TokenEvent[] => []);
  const kls = Array.from({ length: count }, (): number[] => []);
  const ends: EndEvent[] = [];
  for await (const { choice, event, kl } of events) {
    if (kl !== undefined) kls[choice].push(kl);
    texts[choice] += event.text;
    if (event.kind === "token") tokens[choice].push(event);
    else ends[choice] = event;
  }
  return texts.map((text, choice) => ({
    ...{ text, tokens: tokens[choice], end: ends[choice], kl: kls[choice] },
  }));
}
