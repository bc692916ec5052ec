/** A matrix without any structure, to hold others against. */

import type { LinearShape } from "../checkpoint/weights.ts";
import { SeededRandom } from "../util/random.ts";

/**
 * Independent standard normal entries, `[out, in]`.
 *
 * @example
 * ```ts
 * import { matrixStatistics, normalMatrix } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { rootMeanSquare } = matrixStatistics(normalMatrix([100, 100], 1));
 * assert.ok(Math.abs(rootMeanSquare - 1) < 0.05);
 * ```
 */
export function normalMatrix([outSize, inSize]: LinearShape, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  return Float32Array.from({ length: outSize * inSize }, () => random.normal());
}
