/** A clock that a test moves. */

import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../lib/server/clock.ts";

export class FakeClock implements Clock {
  #now = 0;
  readonly #due = new Map<object, { at: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, wake: () => void): () => void {
    if (milliseconds === Infinity) return () => {};
    const key = {};
    this.#due.set(key, { at: this.#now + milliseconds, wake });
    return () => void this.#due.delete(key);
  }

  breathe(): Promise<void> {
    return Promise.resolve();
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#due.size;
  }

  /** Moves on; what is due meanwhile is called in its order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    while (true) {
      const [next] = [...this.#due].filter(([, { at }]) => at <= end)
        .sort(([, one], [, other]) => one.at - other.at);
      if (next === undefined) break;
      this.#due.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].at);
      next[1].wake();
    }
    this.#now = end;
  }
}

/** Lets everything that waits for promises alone come to its end. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate();
}
