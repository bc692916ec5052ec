/**
 * What a scheduler is asked and what it answers: tokens in, tokens and text out. Not here: HTTP, and how turns
 * are shared (`scheduler.ts`).
 */

import type { TokenDecoder } from "../checkpoint/token_decoder.ts";
import type { SampledToken } from "../model/serving/sampling.ts";
import type { Sampling } from "../model/serving/sampling_settings.ts";
import type { Stops } from "../model/serving/stop.ts";

/** One text to go on with. */
export interface ServingRequest {
  /** Whose model goes on: a tenant's name; `null` for the base as it is. */
  readonly tenant: string | null;
  /** Ids of the prompt's tokens, at least one. */
  readonly prompt: Int32Array;
  /** How tokens are chosen. */
  readonly sampling: Sampling;
  /** Where the answer ends before its limit. */
  readonly stops: Stops;
  /** Most tokens of the answer, at least one. The prompt and these are no more than a sequence may have. */
  readonly mostTokens: number;
  /** Makes text of tokens: a `TextTokenizer`'s; `null`: none is made, and no stop string may be asked for. */
  readonly decoder: TokenDecoder | null;
  /** Ends the request at any stage: its reader gets the signal's reason, its room is free at once. */
  readonly signal?: AbortSignal;
  /** Milliseconds from now within which the first token must come: a {@linkcode DeadlineError} if none has. */
  readonly firstWithin?: number;
  /** Milliseconds from now after which the answer ends with the tokens so far, or a {@linkcode DeadlineError}. */
  readonly wholeWithin?: number;
}

/** Why an answer is whole: */
export type FinishReason =
  /** a stop string or a stop token came, */
  | "stop"
  /** it has as many tokens as were asked for, */
  | "length"
  /** its time is over, */
  | "deadline"
  /** or nobody has read it for long. */
  | "unread";

/** A token of an answer. */
export interface TokenEvent extends SampledToken {
  /** Which kind of event. */
  readonly kind: "token";
  /** Text that is certain now: of this token, of those before it, or none as yet. */
  readonly text: string;
}

/** The last event of an answer. */
export interface EndEvent {
  /** Which kind of event. */
  readonly kind: "end";
  /** Why it ends. */
  readonly reason: FinishReason;
  /** The stop string or the id of the stop token that ended it; `null`: another reason. */
  readonly stop: string | number | null;
  /** Text that was held back until now: half a character, or what might have become a stop string. */
  readonly text: string;
  /** What the request took. */
  readonly record: RequestRecord;
}

/** Tokens in their order, and the end. */
export type AnswerEvent = TokenEvent | EndEvent;

/**
 * An answer in the making: its events, once, for one reader. Leaving the loop ends the request. Where it cannot
 * go on, reading throws: the signal's reason, a {@linkcode ServingError}, or what went wrong in the model.
 */
export interface Answer extends AsyncIterableIterator<AnswerEvent> {
  /** Ends the request, as leaving the loop does. */
  return(): Promise<IteratorResult<AnswerEvent>>;
}

/** How a request ended, for counts and logs. Times are milliseconds of the scheduler's clock. */
export interface RequestRecord {
  /** Whose. */
  readonly tenant: string | null;
  /** Tokens of the prompt. */
  readonly promptTokens: number;
  /** Tokens of the answer so far, a stop token among them. */
  readonly tokens: number;
  /** When it was asked for. */
  readonly arrived: number;
  /** When its prompt was begun; `null`: it never was. */
  readonly started: number | null;
  /** When its first token came. */
  readonly firstToken: number | null;
  /** When it ended. */
  readonly ended: number;
  /** Why; `"cancelled"` by its signal or its reader, `"failed"` by an error. */
  readonly outcome: FinishReason | "cancelled" | "failed";
}

/** Who is told what happens, for metrics. Times are milliseconds. */
export interface ServingListener {
  /** A request's first token has come, so long after the request. */
  firstToken?(tenant: string | null, milliseconds: number): void;
  /** Another token has come, so long after the one before it. */
  nextToken?(tenant: string | null, milliseconds: number): void;
  /** A request has ended. */
  ended?(record: RequestRecord): void;
}

/** Where a scheduler stands now, and what it has done since it began. */
export interface SchedulerStatistics {
  /** Requests that wait for their first turn, loading tenants' among them. */
  readonly waiting: number;
  /** Requests with a sequence: in their prompt or in their answer. */
  readonly running: number;
  /** Tokens of prompts that were run. */
  readonly promptTokens: number;
  /** Tokens of answers that were made. */
  readonly tokens: number;
  /** Requests that were put back to make room for a tenant without any running. */
  readonly preemptions: number;
  /** Share of the room for keys and values that is in use, 0 … 1. */
  readonly roomUsed: number;
  /** Requests and tokens by tenant, of those that wait, run or have run. */
  readonly tenants: ReadonlyMap<string | null, TenantStatistics>;
}

/** One tenant's part of {@linkcode SchedulerStatistics}. */
export interface TenantStatistics {
  /** Requests that wait. */
  readonly waiting: number;
  /** Requests that run. */
  readonly running: number;
  /** Tokens of prompts that were run. */
  readonly promptTokens: number;
  /** Tokens of answers that were made. */
  readonly tokens: number;
}

/** What takes requests: the face of a scheduler. */
export interface RequestTaker {
  /**
   * Takes a request; its tokens come as they are read.
   *
   * @throws {OptionError} if it is none: an empty prompt, more tokens than a sequence may have.
   * @throws {UnknownTenantError} if there is no such tenant.
   * @throws {QueueFullError} if too many wait.
   * @throws {DrainingError} once {@linkcode RequestTaker.drain} was called.
   */
  submit(request: ServingRequest): Answer;
  /** Where it stands. */
  statistics(): SchedulerStatistics;
  /**
   * Takes no more requests, and waits until those that it has are done.
   *
   * @param milliseconds after which those that are left end with the reason `"deadline"`.
   */
  drain(milliseconds?: number): Promise<void>;
}
