/**
 * Seeded random numbers: the only source of chance in this library. A thin face over `pure-rand`'s
 * xoroshiro128+; not for cryptography.
 */

import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** A stream of random numbers that a seed determines. */
export class SeededRandom {
  readonly #generator: ReturnType<typeof xoroshiro128plus>;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(scrambled(seed));
  }

  /** A whole number, uniform on `[0, bound)`. */
  integer(bound: number): number {
    return uniformInt(this.#generator, 0, bound - 1);
  }

  /** A number uniform on `(0, 1)`, on a grid of 2⁻³¹. */
  uniform(): number {
    return (this.integer(0x7fffffff) + 0.5) / 0x7fffffff;
  }

  /** A standard normal number, by the Box–Muller transform. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The items in a random order (Fisher–Yates), as a new array. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j], shuffled[i]];
    }
    return shuffled;
  }
}

/**
 * A bijection of 32-bit whole numbers (the finalizer of Appleby's MurmurHash3). Without it the first
 * numbers of neighbouring seeds are neighbours too: xoroshiro takes a seed as its state, as it stands.
 */
function scrambled(seed: number): number {
  const once = Math.imul(seed ^ (seed >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}
