/**
 * One answer in the making: from the logits after each token the next token, text as soon as it is certain, and where
 * the answer ends. Not here: whose logits these are and when they come (`generate.ts`, `server/`).
 */

import type { TokenDecoder } from "../../checkpoint/token_decoder.ts";
import { OptionError } from "../../util/errors.ts";
import { IncrementalText } from "./incremental_text.ts";
import { type SampledToken, Sampler } from "./sampling.ts";
import type { Sampling } from "./sampling_settings.ts";
import { type CertainText, checkStops, type Stops, StopStrings } from "./stop.ts";

/** What an answer goes on from, how, and how far. */
export interface ContinuationRequest {
  /** Ids of the prompt's tokens, at least one. */
  readonly prompt: Int32Array;
  /** How tokens are chosen. */
  readonly sampling: Sampling;
  /** Where the answer ends before its limit. */
  readonly stops: Stops;
  /** Most tokens of the answer, at least one. */
  readonly mostTokens: number;
  /** Makes text of tokens; `null`: none is made, and no stop string may be asked for. */
  readonly decoder: TokenDecoder | null;
}

/** A token of an answer. */
export interface GeneratedToken extends SampledToken {
  /** Text that is certain now: of this token, of those before it, or none as yet. */
  readonly text: string;
}

/** How an answer ended. */
export interface AnswerEnd {
  /** At a stop string or a stop token, or with as many tokens as were asked for. */
  readonly reason: "stop" | "length";
  /** The stop string, or the id of the stop token; `null`: neither. */
  readonly stop: string | number | null;
  /** Text that was held back until now. */
  readonly text: string;
}

/** An answer from its first token to its end. */
export class Continuation {
  readonly #sampler: Sampler;
  readonly #text: IncrementalText | null;
  readonly #strings: StopStrings;
  readonly #stopTokens: ReadonlySet<number>;
  #left: number;
  #end: AnswerEnd | null = null;

  /** @throws {OptionError} if it cannot end where it should, or there is no prompt. */
  constructor({ prompt, sampling, stops, mostTokens, decoder }: ContinuationRequest) {
    checkStops(stops);
    const { strings, tokens } = stops;
    if (decoder === null && strings.length > 0) {
      const expected = "a tokenizer, which makes text of tokens";
      throw refused("stop", strings[0], expected);
    }
    if (prompt.length === 0) throw refused("prompt", "no tokens", "at least one");
    if (!Number.isInteger(mostTokens) || mostTokens < 1) {
      throw refused("mostTokens", mostTokens, "a whole number above 0");
    }
    this.#sampler = new Sampler(sampling, prompt);
    this.#text = decoder && new IncrementalText(decoder, prompt);
    this.#strings = new StopStrings(strings);
    this.#stopTokens = new Set(tokens);
    this.#left = mostTokens;
  }

  /** How it ended; `null`: it goes on. */
  get end(): AnswerEnd | null {
    return this.#end;
  }

  /** The next token, after which it may have ended: a stop token has no text. */
  next(logits: Float32Array): GeneratedToken {
    const sampled = this.#sampler.next(logits);
    this.#left--;
    const { token } = sampled;
    if (this.#stopTokens.has(token)) {
      this.#finish("stop", token);
      return { ...sampled, text: "" };
    }
    const { text, stop } = this.#strings.push(this.#text?.push(token) ?? "");
    if (stop !== null) this.#end = { reason: "stop", stop, text: "" };
    else if (this.#left === 0) this.#finish("length", null);
    return { ...sampled, text };
  }

  /** The text that was held back, where an answer is to go no further; a stop string, if that makes one whole. */
  cut(): CertainText {
    const { text, stop } = this.#strings.push(this.#text?.end() ?? "");
    return { text: stop === null ? text + this.#strings.end() : text, stop };
  }

  #finish(reason: AnswerEnd["reason"], token: number | null): void {
    const { text, stop } = this.cut();
    this.#end = stop === null ? { reason, stop: token, text } : { reason: "stop", stop, text };
  }
}

function refused(option: string, value: unknown, expected: string): OptionError {
  return new OptionError({ problem: "is nothing to go on with", option, value, expected });
}
