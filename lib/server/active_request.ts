/**
 * A request from its arrival to its end: what of it was run, what comes next, and what its reader gets. Not here:
 * when it has its turn (`scheduler.ts`).
 */

import type { NextToken, Sequence } from "../model/serving/batch_model.ts";
import { Continuation } from "../model/serving/continuation.ts";
import { AnswerStream, type StreamListener } from "./answer_stream.ts";
import type { FinishReason, RequestRecord, ServingRequest } from "./request.ts";
import type { TenantHold } from "./tenant_directory.ts";

/** Tokens of a prompt that are run together. */
export interface PromptChunk {
  readonly sequence: Sequence;
  readonly tokens: Int32Array;
  /** Whether the prompt ends with them. */
  readonly isLast: boolean;
}

/** A request that is not over. */
export class ActiveRequest {
  /** Whose. */
  readonly tenant: string | null;
  /** What its reader reads. */
  readonly stream: AnswerStream;
  /** Whether a step with its sequence is being run: its room cannot be given away before that is over. */
  isBusy = false;
  /** Number, among all rows that were run, of its last one. */
  lastRun = 0;
  /** When its prompt was first begun. */
  started: number | null = null;
  /** When its first token came, and the last one. */
  firstToken: number | null = null;
  lastToken: number | null = null;
  /** When it ended. */
  ended: number | null = null;
  /** What waits for it to be read again; takes that back. */
  patience: (() => void) | null = null;

  readonly #request: ServingRequest;
  readonly #continuation: Continuation;
  readonly #answer: number[] = [];
  #sequence: Sequence | null = null;
  #hold: TenantHold | null = null;

  /** One that has just come. */
  constructor(request: ServingRequest, readonly arrived: number, listener: StreamListener) {
    this.#request = { ...request, prompt: request.prompt.slice() };
    this.tenant = request.tenant;
    this.stream = new AnswerStream(listener);
    this.#continuation = new Continuation(request);
  }

  /** Tokens that its sequence may come to have: the last one is not run. */
  get mostTokens(): number {
    return this.#request.prompt.length + this.#request.mostTokens - 1;
  }

  /** Tokens of its prompt. */
  get promptTokens(): number {
    return this.#request.prompt.length;
  }

  /** Whether all of its prompt was run, so that it goes on token by token. */
  get isDecoding(): boolean {
    return this.#sequence !== null && this.#sequence.length >= this.#request.prompt.length;
  }

  /** Gives it room, and its tenant's word to stay. */
  begin(sequence: Sequence, hold: TenantHold | null, now: number): void {
    this.#sequence = sequence;
    this.#hold = hold;
    this.started ??= now;
  }

  /** Gives its room and its tenant back. It may begin again, and its answer goes on where it was. */
  letGo(): void {
    this.#sequence?.release();
    this.#hold?.release();
    this.#sequence = this.#hold = null;
  }

  /** The next tokens of its prompt to run: up to the next multiple of `chunk`. */
  nextChunk(chunk: number): PromptChunk {
    const sequence = this.#sequence!;
    const { prompt } = this.#request;
    const end = (Math.floor(sequence.length / chunk) + 1) * chunk;
    const tokens = prompt.subarray(sequence.length, end);
    return { sequence, tokens, isLast: end >= prompt.length };
  }

  /** The token of its answer to run: the last one, or of one that has begun again the first not run yet. */
  nextToken(): NextToken {
    const sequence = this.#sequence!;
    return { sequence, token: this.#answer[sequence.length - this.#request.prompt.length] };
  }

  /** Whether the logits that came last are those of its next token. */
  get isAwaited(): boolean {
    return this.#sequence!.length === this.#request.prompt.length + this.#answer.length;
  }

  /**
   * Chooses the next token and gives it to the reader.
   *
   * @returns why the answer is whole with it; `null`: it is not.
   */
  choose(logits: Float32Array): FinishReason | null {
    const token = this.#continuation.next(logits);
    this.#answer.push(token.token);
    this.stream.push({ kind: "token", ...token });
    return this.#continuation.end?.reason ?? null;
  }

  /** Tells the reader that the answer ends, by itself or for another reason, with the text that was held back. */
  finish(reason: FinishReason): FinishReason {
    const { end } = this.#continuation;
    const { text, stop } = end ?? this.#continuation.cut();
    const told = end === null && stop !== null ? "stop" : reason;
    this.stream.push({ kind: "end", reason: told, stop, text, record: this.record(told) });
    return told;
  }

  /** How it ended. */
  record(outcome: RequestRecord["outcome"]): RequestRecord {
    const { tenant, arrived, started, firstToken } = this;
    return {
      ...{ tenant, arrived, started, firstToken, ended: this.ended!, outcome },
      promptTokens: this.#request.prompt.length,
      tokens: this.#answer.length,
    };
  }
}
