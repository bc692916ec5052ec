/** A matrix without any structure, to hold others against. */

import type { LinearShape } from "../checkpoint/weights.ts";
import { SeededRandom } from "../util/random.ts";

/** Independent standard normal entries, `[out, in]`. */
export function normalMatrix([outSize, inSize]: LinearShape, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  return Float32Array.from({ length: outSize * inSize }, () => random.normal());
}
