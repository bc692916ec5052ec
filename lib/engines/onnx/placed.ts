/** Numbers in the CPU engine's memory, which is this process's own. */

import type { Feed, Placed } from "../../graph/engine.ts";
import type { Numbers } from "../../graph/graph.ts";

/** Wraps an array; nothing is copied. */
export class HostNumbers implements Placed {
  constructor(readonly numbers: Numbers) {}

  get length(): number {
    return this.numbers.length;
  }

  get byteLength(): number {
    return this.numbers.byteLength;
  }

  /** Nothing to free: the array goes with this object. */
  release(): void {}
}

/**
 * The array that a feed stands for.
 *
 * @throws {TypeError} if it was placed by another engine.
 */
export function hostNumbers(feed: Feed): Numbers {
  if (feed instanceof Float32Array || feed instanceof Int32Array) return feed;
  if (feed instanceof HostNumbers) return feed.numbers;
  throw new TypeError("expected numbers that the CPU engine placed");
}
