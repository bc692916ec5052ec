/**
 * Signs, one bit each: `[out, in]` of ±1 as int32 words `[ceil(in / 32), out]`.
 *
 * Bit k of word (w, o) stands for element (o, 32w + k), 1 for non-negative; the layout of the study's
 * own `pack`, which the masks of any of its files have. Widths that 32 does not divide, which the study
 * refuses, are filled up with ones. Not here: the fast path from weights to bits (`delta/extraction_module.ts`).
 */

import type { LinearShape } from "../checkpoint/weights.ts";

/** Words that hold one row of `inSize` signs. */
export function wordsPerRow(inSize: number): number {
  return Math.ceil(inSize / 32);
}

/**
 * Packs the signs of a matrix; a zero of either sign counts as +1.
 *
 * @param values `[out, in]`, row-major.
 * @returns `[ceil(in / 32), out]`.
 */
export function packSigns(values: Float32Array, [outSize, inSize]: LinearShape): Int32Array {
  const words = wordsPerRow(inSize);
  const mask = new Int32Array(words * outSize).fill(-1);
  for (let o = 0; o < outSize; o++) {
    for (let i = 0; i < inSize; i++) {
      if (values[o * inSize + i] < 0) mask[(i >>> 5) * outSize + o] &= ~(1 << (i & 31));
    }
  }
  return mask;
}

/**
 * The signs that a mask holds.
 *
 * @param mask `[ceil(in / 32), out]`.
 * @returns ±1, `[out, in]`, row-major.
 */
export function unpackSigns(mask: Int32Array, [outSize, inSize]: LinearShape): Float32Array {
  const signs = new Float32Array(outSize * inSize);
  for (let o = 0; o < outSize; o++) {
    for (let start = 0; start < inSize; start += 32) {
      const word = mask[(start >>> 5) * outSize + o];
      const end = Math.min(start + 32, inSize);
      for (let i = start; i < end; i++) signs[o * inSize + i] = 2 * (word >>> (i & 31) & 1) - 1;
    }
  }
  return signs;
}
