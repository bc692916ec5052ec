/**
 * A request from its arrival to its end: what of it was run, what comes next, and what its reader gets. Not here:
 * when it has its turn (`scheduler.ts`).
 */

import type { NextToken, Sequence } from "../model/serving/batch_model.ts";
import { IncrementalText } from "../model/serving/incremental_text.ts";
import { Sampler } from "../model/serving/sampling.ts";
import { StopStrings } from "../model/serving/stop.ts";
import { AnswerStream, type StreamListener } from "./answer_stream.ts";
import type { FinishReason, RequestRecord, ServingRequest } from "./request.ts";
import type { TenantHold } from "./tenant_directory.ts";

/** That an answer is whole. */
export interface Ending {
  /** Why. */
  readonly reason: FinishReason;
  /** The stop string or token. */
  readonly stop: string | number | null;
}

/** A request that is not over. */
export class ActiveRequest {
  /** Whose. */
  readonly tenant: string | null;
  /** What its reader reads. */
  readonly stream: AnswerStream;
  /** Whether a step with its sequence is being run: its room cannot be given away before that is over. */
  isBusy = false;
  /** Number of the last turn in which a token of its answer was run. */
  lastTurn = 0;
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
  readonly #sampler: Sampler;
  readonly #text: IncrementalText | null;
  readonly #stops: StopStrings;
  readonly #answer: number[] = [];
  #sequence: Sequence | null = null;
  #hold: TenantHold | null = null;

  /** One that has just come. */
  constructor(request: ServingRequest, readonly arrived: number, listener: StreamListener) {
    this.#request = { ...request, prompt: request.prompt.slice() };
    this.tenant = request.tenant;
    this.stream = new AnswerStream(listener);
    this.#sampler = new Sampler(request.sampling, request.prompt);
    this.#text = request.decoder && new IncrementalText(request.decoder, request.prompt);
    this.#stops = new StopStrings(request.stops.strings);
  }

  /** Tokens that its sequence may come to have. */
  get mostTokens(): number {
    return this.#request.prompt.length + this.#request.mostTokens;
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
  nextChunk(chunk: number): { readonly sequence: Sequence; readonly tokens: Int32Array } {
    const sequence = this.#sequence!;
    const end = (Math.floor(sequence.length / chunk) + 1) * chunk;
    return { sequence, tokens: this.#request.prompt.subarray(sequence.length, end) };
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
   * @returns whether the answer is whole with it.
   */
  choose(logits: Float32Array): Ending | null {
    const { stops, mostTokens } = this.#request;
    const sampled = this.#sampler.next(logits);
    this.#answer.push(sampled.token);
    const isStop = stops.tokens.includes(sampled.token);
    const part = isStop ? "" : this.#text?.push(sampled.token) ?? "";
    const { text, stop } = this.#stops.push(part);
    this.stream.push({ kind: "token", ...sampled, text });
    if (stop !== null) return { reason: "stop", stop };
    if (isStop) return { reason: "stop", stop: sampled.token };
    return this.#answer.length === mostTokens ? { reason: "length", stop: null } : null;
  }

  /** Tells the reader that the answer is whole, with the text that was held back. */
  finish({ reason, stop }: Ending): FinishReason {
    // Bytes that were held back may make a stop string whole.
    const last = typeof stop === "string" ? null : this.#stops.push(this.#text?.end() ?? "");
    const text = last === null ? "" : last.text + (last.stop === null ? this.#stops.end() : "");
    const ending = last?.stop ? { reason: "stop" as const, stop: last.stop } : { reason, stop };
    this.stream.push({ kind: "end", ...ending, text, record: this.record(ending.reason) });
    return ending.reason;
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
