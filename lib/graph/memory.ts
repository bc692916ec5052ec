/**
 * How much memory the work on an engine may take: the one place where that is decided. Not here: sizes that
 * are tuned to a processor's cache or to what a device does best at once, which stand where they are used.
 */

/** Taken for given where nobody says how much there is: WebGPU does not tell, and a process is not alone. */
const ASSUMED_BYTES = 8 * 2 ** 30;

/**
 * An engine's memory, and how much of it is kept.
 *
 * @example
 * ```ts
 * import { MemoryBudget } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(new MemoryBudget(8e9).bytes, 8e9);
 * ```
 */
export class MemoryBudget {
  #kept = 0;

  /**
   * A budget of which nothing is kept yet.
   *
   * @param bytes what may be used in all.
   */
  constructor(readonly bytes: number = ASSUMED_BYTES) {}

  /**
   * Bytes of one run's largest value, where a caller can choose how much runs at once: 1/128 of all, and no
   * more than half of what every WebGPU device binds.
   */
  get atOnce(): number {
    return Math.min(this.bytes / 128, 2 ** 26);
  }

  /**
   * Takes room for numbers that stay from run to run, which is free again when it is disposed of.
   *
   * @param bytes that they take.
   * @param beside that must stay free for the runs themselves; default: a quarter of all.
   * @returns `null` where there is no such room.
   */
  keep(bytes: number, beside: number = this.bytes / 4): Disposable | null {
    if (this.#kept + bytes + beside > this.bytes) return null;
    this.#kept += bytes;
    let held = bytes;
    return {
      [Symbol.dispose]: () => {
        this.#kept -= held;
        held = 0;
      },
    };
  }
}
