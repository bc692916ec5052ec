/**
 * How much a key may ask for: requests and tokens a minute as buckets that fill evenly, and requests at a time. Not
 * here: the server's own bounds, which hold for all keys together (the scheduler's queue).
 */

import { ApiError } from "./api_error.ts";
import type { KeyEntry } from "./keys.ts";

/** A bucket that holds a minute's worth, full at first. */
class Bucket {
  #level: number;
  #at: number;

  constructor(readonly perMinute: number, now: number) {
    this.#level = perMinute;
    this.#at = now;
  }

  /** Milliseconds until so much is in it; 0: now. */
  wait(amount: number, now: number): number {
    this.#level = Math.min(
      this.perMinute,
      this.#level + (now - this.#at) * this.perMinute / 60_000,
    );
    this.#at = now;
    return Math.max(0, (amount - this.#level) / this.perMinute * 60_000);
  }

  take(amount: number): void {
    this.#level -= amount;
  }
}

/** What was taken for a request. Give back once, when it has ended. */
export interface Taken {
  /** The tokens that it came to: what was taken beyond them is given back. */
  settle(tokens: number): void;
}

/** What the keys may still ask for. */
export class Allowances {
  readonly #buckets = new Map<string, { requests?: Bucket; tokens?: Bucket; running: number }>();

  /** `now` in milliseconds, of a clock that does not go back. */
  constructor(readonly now: () => number = () => performance.now()) {}

  /**
   * Takes what a request may come to.
   *
   * @param tokens of its prompts, and that it may be answered with.
   * @throws {ApiError} if it is more than the key may ask for, now or ever.
   */
  take({ name, requestsPerMinute, tokensPerMinute, concurrent }: KeyEntry, tokens: number): Taken {
    const now = this.now();
    let state = this.#buckets.get(name);
    if (state === undefined) {
      const bucket = (perMinute?: number) =>
        perMinute === undefined ? undefined : new Bucket(perMinute, now);
      state = { requests: bucket(requestsPerMinute), tokens: bucket(tokensPerMinute), running: 0 };
      this.#buckets.set(name, state);
    }
    const { requests, tokens: bucket } = state;
    if (bucket && tokens > bucket.perMinute) {
      const problem = "the request may come to more tokens than its key has in a minute";
      throw new ApiError("invalid", {
        problem,
        value: tokens,
        expected: `prompts and max_tokens of ${bucket.perMinute} together at most`,
      });
    }
    if (concurrent !== undefined && state.running >= concurrent) {
      throw tooMany(`its key has ${concurrent} requests running`, "fewer at a time", 1000);
    }
    const waits = { requests: requests?.wait(1, now) ?? 0, tokens: bucket?.wait(tokens, now) ?? 0 };
    for (const [what, wait] of Object.entries(waits)) {
      if (wait > 0) throw tooMany(`its key has used up its ${what} of this minute`, "later", wait);
    }
    requests?.take(1);
    bucket?.take(tokens);
    state.running++;
    let isSettled = false;
    return {
      settle(used) {
        if (isSettled) return;
        isSettled = true;
        state.running--;
        bucket?.take(used - tokens);
      },
    };
  }
}

function tooMany(problem: string, expected: string, milliseconds: number): ApiError {
  return new ApiError(
    "tooMany",
    { problem, expected },
    Math.max(1, Math.ceil(milliseconds / 1000)),
  );
}
