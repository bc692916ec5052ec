/**
 * The events of one answer between who makes them and who reads them. It never makes its maker wait: how much is
 * unread is for the maker to look at.
 */

import type { Answer, AnswerEvent } from "./request.ts";

/** What the maker is told. */
export interface StreamListener {
  /** The reader has taken an event. */
  taken(): void;
  /** The reader wants no more. */
  left(): void;
}

/** Events that wait for one reader. */
export class AnswerStream implements Answer {
  readonly #listener: StreamListener;
  #events: AnswerEvent[] = [];
  /** Readers that wait; more than one only if someone does not wait for the one before. */
  #readers: PromiseWithResolvers<IteratorResult<AnswerEvent>>[] = [];
  #over = false;
  #failure: { readonly error: unknown } | null = null;

  /** Of a maker. */
  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  /** Events that nobody has taken yet. */
  get unread(): number {
    return this.#events.length;
  }

  /** Adds an event; one of the kind `"end"` is the last. After the last there is none. */
  push(event: AnswerEvent): void {
    if (this.#over) return;
    this.#over = event.kind === "end";
    const reader = this.#readers.shift();
    if (reader === undefined) this.#events.push(event);
    else reader.resolve({ done: false, value: event });
    if (this.#over) this.#dismiss();
  }

  /** Ends it by an error, which the reader gets after the events that are left; with `atOnce` instead of them. */
  fail(error: unknown, atOnce = false): void {
    if (this.#over) return;
    this.#over = true;
    this.#failure = { error };
    if (atOnce) this.#events = [];
    const reader = this.#readers.shift();
    if (reader !== undefined) reader.reject(this.#takeFailure());
    this.#dismiss();
  }

  async next(): Promise<IteratorResult<AnswerEvent>> {
    const event = this.#events.shift();
    if (event !== undefined) {
      this.#listener.taken();
      return { done: false, value: event };
    }
    if (this.#failure !== null) throw this.#takeFailure();
    if (this.#over) return { done: true, value: undefined };
    const reader = Promise.withResolvers<IteratorResult<AnswerEvent>>();
    this.#readers.push(reader);
    return await reader.promise;
  }

  return(): Promise<IteratorResult<AnswerEvent>> {
    this.#over = true;
    this.#events = [];
    this.#failure = null;
    this.#dismiss();
    this.#listener.left();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** An error is told once. */
  #takeFailure(): unknown {
    const { error } = this.#failure!;
    this.#failure = null;
    return error;
  }

  #dismiss(): void {
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined });
  }
}
