/**
 * The product of two thin matrices added to weights in WebAssembly: the fast path of codecs of a low rank. Stripes
 * of columns of the right factor go through slots of the kernels' memory.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { LinearShape } from "../checkpoint/weights.ts";

/** Slots of one row of weights, of the right factor, which takes two, and of a row of the left one. */
const [ROW, RIGHT, LEFT] = [0, 1, 3];

/** Columns that the kernel takes together. */
const TOGETHER = 16;

/** L · R of a rank that a slot holds a row of. */
export interface Factors {
  /** `[out, rank]`, row-major. */
  readonly left: Float32Array;
  /** `[rank, in]`, row-major. */
  readonly right: Float32Array;
  /** At least 1. */
  readonly rank: number;
}

/** The highest rank that {@linkcode addProduct} takes: a few columns of the right factor fit its slots. */
export const HIGHEST_RANK: number = 2 * BLOCK / TOGETHER;

/**
 * L · R itself, `[out, in]`: products and their sums in 32-bit floats in the order of the rank, from 0. The
 * readable equal of {@linkcode addProduct}.
 */
export function plainProduct(
  { left, right, rank }: Factors,
  [outSize, inSize]: LinearShape,
): Float32Array {
  const product = new Float32Array(outSize * inSize);
  for (let o = 0; o < outSize; o++) {
    for (let k = 0; k < rank; k++) {
      const factor = left[o * rank + k];
      for (let i = 0; i < inSize; i++) {
        product[o * inSize + i] += Math.fround(factor * right[k * inSize + i]);
      }
    }
  }
  return product;
}

/** Adds L · R to each element of `sum`, `[out, in]`, in 32-bit floats. */
export function addProduct(
  kernels: FloatKernels,
  sum: Float32Array,
  { left, right, rank }: Factors,
  [outSize, inSize]: LinearShape,
): void {
  const { memory } = kernels;
  const most = Math.min(BLOCK, Math.floor(2 * BLOCK / rank / TOGETHER) * TOGETHER);
  for (let begin = 0; begin < inSize; begin += most) {
    const columns = Math.min(most, inSize - begin);
    const width = Math.ceil(columns / TOGETHER) * TOGETHER;
    const stripe = new Float32Array(memory.buffer, slot(RIGHT), 2 * BLOCK);
    for (let k = 0; k < rank; k++) {
      const at = k * inSize + begin;
      stripe.set(right.subarray(at, at + columns), k * width);
    }
    const inPlace = sum.buffer === memory.buffer && width === columns;
    const [ofRow, ofLeft] = [new Float32Array(memory.buffer, slot(ROW), columns), slot(LEFT)];
    for (let o = 0; o < outSize; o++) {
      new Float32Array(memory.buffer, ofLeft, rank).set(left.subarray(o * rank, (o + 1) * rank));
      const values = sum.subarray(o * inSize + begin, o * inSize + begin + columns);
      if (!inPlace) ofRow.set(values);
      const address = inPlace ? values.byteOffset : slot(ROW);
      kernels.addProduct(address, ofLeft, slot(RIGHT), rank, 4 * width, width);
      if (!inPlace) values.set(ofRow);
    }
  }
}
