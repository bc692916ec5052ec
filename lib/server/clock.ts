/** Time as a server sees it: injected, so that tests need not wait. */

/** A clock, and what wakes one later. */
export interface Clock {
  /** Milliseconds since some moment; never runs back. */
  now(): number;
  /**
   * Calls `wake` once so many milliseconds have passed.
   *
   * @returns what takes it back.
   */
  after(milliseconds: number, wake: () => void): () => void;
}

/** The longest delay that timers know. */
const LONGEST = 2 ** 31 - 1;

/** Real time. */
export const realClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, wake) {
    const timer = setTimeout(wake, Math.min(milliseconds, LONGEST));
    return () => clearTimeout(timer);
  },
};
