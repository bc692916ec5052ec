/** Time as a server sees it: injected, so that tests need not wait. */

/** A clock, and what wakes one later. */
export interface Clock {
  /** Milliseconds since some moment; never runs back. */
  now(): number;
  /**
   * Calls `wake` once so many milliseconds have passed; of `Infinity` never.
   *
   * @returns what takes it back.
   */
  after(milliseconds: number, wake: () => void): () => void;
  /** Lets everything else that is due have its turn, after work that may have kept the thread. */
  breathe(): Promise<void>;
}

/** The longest delay that timers know. */
const LONGEST = 2 ** 31 - 1;

/** Milliseconds that work may keep the thread before sockets and timers have their turn, which takes one or two. */
const BREATH = 8;

let lastBreath = 0;

/** Real time. */
export const realClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, wake) {
    if (milliseconds === Infinity) return () => {};
    const timer = setTimeout(wake, Math.min(Math.max(0, milliseconds), LONGEST));
    return () => clearTimeout(timer);
  },
  async breathe() {
    if (performance.now() - lastBreath < BREATH) return;
    // Not `setImmediate`: with 20 ms of work between them, sockets need 60 of those for one small request.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
    lastBreath = performance.now();
  },
};
