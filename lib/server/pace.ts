/** How fast requests get done, by those that ended of late: what a refused one is told to wait. */

/** Requests that count. */
const COUNTED = 32;
/** Seconds that a request is told to wait at most, and where nothing is known yet. */
const LONGEST_WAIT = 60;
const UNKNOWN_WAIT = 1;

/** When requests ended, in milliseconds. */
export class Pace {
  readonly #ends: number[] = [];

  /** One has ended. */
  ended(now: number): void {
    this.#ends.push(now);
    if (this.#ends.length > COUNTED) this.#ends.shift();
  }

  /** Seconds in which so many should end: a whole number, at least 1. */
  secondsFor(requests: number, now: number): number {
    if (this.#ends.length < 2) return UNKNOWN_WAIT;
    // Up to now, so that a server that got slower says so.
    const each = (now - this.#ends[0]) / this.#ends.length / 1000;
    return Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(requests * each)));
  }
}
