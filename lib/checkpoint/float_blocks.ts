/**
 * Weights as float32 from the bytes that they are stored in, block by block through the slots of the kernels'
 * memory: as they are, or as the difference of two. The bytes may lie in memory that threads share; what is
 * wanted in the kernels' own memory is written there and copied nowhere.
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
 * @param target as long as it pleases; in the kernels' memory, up to seven floats after it are written too.
 * @param first element of the tensor that comes first in `target`.
 * @throws {TypeError} if the tensor is not F32, F16 or BF16.
 */
export function widenInto(
  kernels: FloatKernels,
  tensor: RawTensor,
  target: Float32Array,
  first = 0,
): void {
  eachBlock(kernels, target, 0, (address, begin, count) => {
    load(kernels, tensor, first + begin, count, address);
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
  const form = (address: number, begin: number, count: number) => {
    load(kernels, fine, begin, count, address);
    load(kernels, base, begin, count, slot(1));
    kernels.subtract(address, slot(1), count);
    if (type === "BF16") kernels.roundBF16(address, count);
    if (type === "F16") kernels.roundF16(address, count);
    for (const zero of [0, 1] as const) {
      const target = signs[zero]?.subarray(begin, begin + count);
      if (!target) continue;
      eachBlock(kernels, target, 2, (ofSigns) => kernels.signOf(address, ofSigns, zero, count));
    }
  };
  if (delta) return eachBlock(kernels, delta, 0, form);
  const total = (signs[0] ?? signs[1])?.length ?? 0;
  for (let begin = 0; begin < total; begin += BLOCK) {
    form(slot(0), begin, Math.min(BLOCK, total - begin));
  }
}

/** Adds `values` to the elements of `sum`, in 32-bit floats. */
export function addValues(kernels: FloatKernels, sum: Float32Array, values: Float32Array): void {
  const inMemory = sum.buffer === kernels.memory.buffer;
  eachBlock(kernels, sum, 0, (address, begin, count) => {
    if (!inMemory) put(kernels, sum.subarray(begin, begin + count), 0);
    put(kernels, values.subarray(begin, begin + count), 1);
    kernels.add(address, slot(1), count);
  });
}

/** Whether no value is NaN or infinite. */
export function areFinite(kernels: FloatKernels, values: Float32Array): boolean {
  const inMemory = values.buffer === kernels.memory.buffer;
  for (let begin = 0; begin < values.length; begin += BLOCK) {
    const block = values.subarray(begin, begin + BLOCK);
    if (!inMemory) put(kernels, block, 0);
    const address = inMemory ? block.byteOffset : slot(0);
    // What fills up the last vector is none of the values.
    const whole = block.length - block.length % 4;
    if (!kernels.allFinite(address, whole)) return false;
    if (!block.subarray(whole).every(Number.isFinite)) return false;
  }
  return true;
}

function put({ memory }: FloatKernels, values: Float32Array, to: 0 | 1 | 2): void {
  new Float32Array(memory.buffer, slot(to), values.length).set(values);
}

/**
 * Works on a target block by block: in its place where it lies in the kernels' memory, else in a slot, from which
 * what was made there is copied.
 *
 * @param make writes so many floats to an address, those of the target from `begin` on.
 */
export function eachBlock(
  { memory }: FloatKernels,
  target: Float32Array,
  spare: 0 | 1 | 2,
  make: (address: number, begin: number, count: number) => void,
): void {
  const inPlace = target.buffer === memory.buffer;
  for (let begin = 0; begin < target.length; begin += BLOCK) {
    const count = Math.min(BLOCK, target.length - begin);
    make(inPlace ? target.byteOffset + 4 * begin : slot(spare), begin, count);
    if (!inPlace) target.set(new Float32Array(memory.buffer, slot(spare), count), begin);
  }
}

/** Writes elements of a tensor as float32 to an address, through the last slot: no more than a block. */
export function load(
  kernels: FloatKernels,
  { dtype, bytes }: RawTensor,
  first: number,
  count: number,
  address: number,
): void {
  if (!isFloatType(dtype)) {
    throw new TypeError(`cannot read ${dtype} as floats; expected F32, F16 or BF16`);
  }
  const size = ELEMENT_SIZES[dtype];
  const from = dtype === "F32" ? address : slot(STORED);
  const stored = bytes.subarray(size * first, size * (first + count));
  new Uint8Array(kernels.memory.buffer, from, stored.length).set(stored);
  if (dtype === "BF16") kernels.widenBF16(from, address, count);
  if (dtype === "F16") kernels.widenF16(from, address, count);
}
