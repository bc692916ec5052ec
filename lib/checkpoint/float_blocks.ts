/**
 * Weights as float32 from the bytes that they are stored in, block by block through the kernels' memory: as
 * they are, or as the difference of two. The bytes may lie in memory that threads share.
 *
 * Not here: the kernels (`float_kernels.ts`), and differences that are packed to bits (`delta/`).
 */

import { BLOCK, type FloatKernels, slot } from "./float_kernels.ts";
import { ELEMENT_SIZES, type FloatType, isFloatType, type RawTensor } from "./tensor.ts";

/** Slot of the bytes that are to be widened. */
const STORED = 3;

/**
 * Writes elements of a tensor as float32, exactly.
 *
 * @param first element of the tensor that comes first in `target`, which is as long as it pleases.
 * @throws {TypeError} if the tensor is not F32, F16 or BF16.
 */
export function widenInto(
  kernels: FloatKernels,
  tensor: RawTensor,
  target: Float32Array,
  first = 0,
): void {
  if (tensor.dtype === "F32") {
    const bytes = tensor.bytes.subarray(4 * first, 4 * (first + target.length));
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(bytes);
    return;
  }
  eachBlock(target.length, (begin, count) => {
    load(kernels, tensor, first + begin, count, 0);
    target.set(block(kernels, 0, count), begin);
  });
}

/** What is formed of a difference, each where it is wanted. */
export interface DifferenceTargets {
  /** Δ. */
  readonly delta?: Float32Array;
  /** sign(Δ) with 0 for a zero, and with +1. */
  readonly signs?: Readonly<Partial<Record<0 | 1, Float32Array>>>;
}

/**
 * Δ = fine − base, subtracted in float32 and then rounded to `type`, ties to even, and its signs: all that is
 * wanted in one pass.
 *
 * @throws {TypeError} if a tensor is not F32, F16 or BF16.
 */
export function differenceInto(
  kernels: FloatKernels,
  { fine, base, type }: {
    readonly fine: RawTensor;
    readonly base: RawTensor;
    readonly type: FloatType;
  },
  { delta, signs = {} }: DifferenceTargets,
): void {
  const ofSigns = ([0, 1] as const).flatMap((zero) => {
    const target = signs[zero];
    return target ? [{ zero, target }] : [];
  });
  const count = delta?.length ?? ofSigns[0]?.target.length ?? 0;
  eachBlock(count, (begin, count) => {
    load(kernels, fine, begin, count, 0);
    load(kernels, base, begin, count, 1);
    kernels.subtract(slot(0), slot(1), count);
    if (type === "BF16") kernels.roundBF16(slot(0), count);
    if (type === "F16") kernels.roundF16(slot(0), count);
    delta?.set(block(kernels, 0, count), begin);
    for (const { zero, target } of ofSigns) {
      kernels.signs(slot(0), slot(1), zero, count);
      target.set(block(kernels, 1, count), begin);
    }
  });
}

/**
 * Index of the first element of a tensor that is NaN or infinite; −1 if all are finite.
 *
 * @throws {TypeError} if the tensor is not F32, F16 or BF16.
 */
export function firstNotFiniteIn(kernels: FloatKernels, tensor: RawTensor): number {
  const total = tensor.bytes.length / ELEMENT_SIZES[tensor.dtype];
  for (let begin = 0; begin < total; begin += BLOCK) {
    const count = Math.min(BLOCK, total - begin);
    load(kernels, tensor, begin, count, 0);
    block(kernels, 0, BLOCK).fill(0, count, Math.min(BLOCK, count + 3));
    if (kernels.allFinite(slot(0), count)) continue;
    return begin + block(kernels, 0, count).findIndex((each) => !Number.isFinite(each));
  }
  return -1;
}

/** Puts elements of a tensor into a slot, as float32. */
export function load(
  kernels: FloatKernels,
  { dtype, bytes }: RawTensor,
  first: number,
  count: number,
  to: 0 | 1 | 2,
): void {
  if (!isFloatType(dtype)) {
    throw new TypeError(`cannot read ${dtype} as floats; expected F32, F16 or BF16`);
  }
  const size = ELEMENT_SIZES[dtype];
  const from = dtype === "F32" ? to : STORED;
  const stored = bytes.subarray(size * first, size * (first + count));
  new Uint8Array(kernels.memory.buffer, slot(from), stored.length).set(stored);
  if (dtype === "BF16") kernels.widenBF16(slot(from), slot(to), count);
  if (dtype === "F16") kernels.widenF16(slot(from), slot(to), count);
}

/** The first floats of a slot. */
export function block(kernels: FloatKernels, index: number, count: number): Float32Array {
  return new Float32Array(kernels.memory.buffer, slot(index), count);
}

function eachBlock(total: number, use: (begin: number, count: number) => void): void {
  for (let begin = 0; begin < total; begin += BLOCK) use(begin, Math.min(BLOCK, total - begin));
}
