/** A difference and its rounding by definition: of the two neighbours in a type, the nearer, else the even one. */

import type { FloatType } from "../../../lib/checkpoint/tensor.ts";

/** Bits of a significand, exponent of the least normal number, and the largest finite number of each type. */
const TYPES: Readonly<Record<FloatType, { digits: number; least: number; most: number }>> = {
  F32: { digits: 24, least: -126, most: (2 - 2 ** -23) * 2 ** 127 },
  BF16: { digits: 8, least: -126, most: (2 - 2 ** -7) * 2 ** 127 },
  F16: { digits: 11, least: -14, most: (2 - 2 ** -10) * 2 ** 15 },
};

/** x as the nearest number of a type, ties to even; beyond half a step past the largest it is infinite. */
export function nearest(x: number, type: FloatType): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const { digits, least, most } = TYPES[type];
  let exponent = least;
  while (2 ** (exponent + 1) <= Math.abs(x)) exponent++;
  const step = 2 ** (exponent + 1 - digits);
  const below = Math.floor(Math.abs(x) / step);
  const rest = Math.abs(x) / step - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 === 1);
  const magnitude = (below + (up ? 1 : 0)) * step;
  return Math.sign(x) * (magnitude > most ? Infinity : magnitude);
}

/** fine − base in 32-bit floats, then in a type. */
export function difference(fine: number, base: number, type: FloatType): number {
  return nearest(nearest(fine - base, "F32"), type);
}

/** Numbers of a type that are hard to subtract: ±0, subnormals, neighbours of powers of two, the largest. */
export function hardNumbers(type: FloatType): number[] {
  const { digits, least, most } = TYPES[type];
  const smallest = 2 ** (least + 1 - digits);
  const found = [0, most, most / 2];
  for (const power of [least, least + 1, least + digits, -30, -27, -26, -14, -8, 0, 1, 7]) {
    const step = 2 ** (Math.max(power, least) + 1 - digits);
    if (power < least) continue;
    found.push(2 ** power, 2 ** power + step, 2 ** power + 3 * step, 2 ** power - step / 2);
  }
  for (const count of [1, 2, 3, 5, 2 ** (digits - 2) + 1, 2 ** (digits - 1) - 1]) {
    found.push(count * smallest);
  }
  const exact = [...new Set(found)].filter((each) => nearest(each, type) === each);
  return exact.flatMap((each) => [each, -each]);
}

/** All pairs of hard numbers of a type, as the two operands of a difference. */
export function hardPairs(type: FloatType): { fine: Float32Array; base: Float32Array } {
  const numbers = hardNumbers(type);
  const pairs = numbers.flatMap((fine) => numbers.map((base) => [fine, base] as const));
  return {
    fine: Float32Array.from(pairs, ([fine]) => fine),
    base: Float32Array.from(pairs, ([, base]) => base),
  };
}

/** The bits of numbers: -0 is not 0. */
export function bitsOf(numbers: ArrayBufferView): Uint32Array {
  return new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.byteLength / 4);
}
