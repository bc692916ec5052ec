/** What a request has come to, as it goes: tokens, and why it ended. */

import type { AnswerEvent } from "../request.ts";
import type { LogFields } from "./log.ts";

/** Tokens of a request and its answers. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** Tokens of a request so far, and why its last text ended. */
export class Tally {
  readonly #counts: number[];
  #reason?: string;

  /** @param choices how many texts it asks for. */
  constructor(readonly promptTokens: number, choices: number) {
    this.#counts = Array.from({ length: choices }, () => 0);
  }

  /** Counts an event of one of its texts. */
  count(choice: number, event: AnswerEvent): void {
    if (event.kind === "token") this.#counts[choice]++;
    else {
      // A token that ended the text counts, whether it was told or not.
      this.#counts[choice] = event.record.tokens;
      this.#reason = event.reason;
    }
  }

  /** So far. */
  get usage(): Usage {
    const completion_tokens = this.#counts.reduce((sum, count) => sum + count, 0);
    const total_tokens = this.promptTokens + completion_tokens;
    return { prompt_tokens: this.promptTokens, completion_tokens, total_tokens };
  }

  /** For the log. */
  get fields(): LogFields {
    return { completionTokens: this.usage.completion_tokens, code: this.#reason };
  }
}
