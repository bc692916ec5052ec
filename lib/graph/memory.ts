/**
 * How much memory the work on an engine may take: the one place where that is decided. Not here: sizes that
 * are tuned to a processor's cache or to what a device does best at once, which stand where they are used.
 */

import { Residents } from "./residents.ts";

/** Taken for given where nobody says how much there is: a process is not alone. */
const ASSUMED_BYTES = 8 * 2 ** 30;

/** What an engine says of its memory beyond its size. */
export interface MemoryOptions {
  /**
   * Bytes of one run's largest value; default: 1/128 of all, and no more than half of what every WebGPU
   * device binds.
   */
  readonly atOnce?: number;
  /** Bytes of what a run forms of weights and uses up; default: as `atOnce`. */
  readonly formedAtOnce?: number;
  /** Whether a run widens 16-bit weights, so that they stay as float32 where all of them fit; default: no. */
  readonly widens?: boolean;
  /**
   * Whether weights of the next layer are placed while one computes, up to a quarter of all, or to so many bytes;
   * default: no.
   */
  readonly ahead?: boolean | number;
}

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
  /** Bytes of one run's largest value, where a caller can choose how much runs at once. */
  readonly atOnce: number;
  /** Bytes of what a run forms of weights and uses up, such as a delta and its signs. */
  readonly formedAtOnce: number;
  /** Whether each run widens 16-bit weights. */
  readonly widens: boolean;
  /** Models that do not stay as they run fastest, in words, for the provenance of results. */
  readonly exceptions: Set<string> = new Set();
  /** Bytes of weights that may be placed before they are used, beside those that are used. */
  readonly ahead: number;
  /** The weights that stay on the engine. */
  readonly residents: Residents = new Residents();
  #kept = 0;

  /**
   * A budget of which nothing is kept yet.
   *
   * @param bytes what may be used in all; `Infinity` where the device itself refuses what it has no room for.
   */
  constructor(readonly bytes: number = ASSUMED_BYTES, options: MemoryOptions = {}) {
    this.atOnce = options.atOnce ?? Math.min(bytes / 128, 2 ** 26);
    this.formedAtOnce = options.formedAtOnce ?? this.atOnce;
    this.widens = options.widens ?? false;
    const { ahead = false } = options;
    this.ahead = Math.min(typeof ahead === "number" ? ahead : Infinity, ahead ? bytes / 4 : 0);
  }

  /**
   * Takes room for numbers that stay from run to run, which is free again when it is disposed of.
   *
   * @param bytes that they take.
   * @param beside that must stay free for the runs themselves; default: a quarter of all.
   * @returns `null` where there is no such room.
   */
  keep(bytes: number, beside?: number): Disposable | null {
    if (this.#kept + bytes + (beside ?? this.bytes / 4) > this.bytes) return null;
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
