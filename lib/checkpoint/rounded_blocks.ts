/**
 * Weights rounded to the type that they are to be stored in, block by block through the kernels' memory, and
 * how much of a change outlives that. Not here: whose weights, and threads (`rounded_tensor.ts`).
 */

import { load } from "./float_blocks.ts";
import { BLOCK, type FloatKernels, slot } from "./float_kernels.ts";
import {
  ELEMENT_SIZES,
  elementCount,
  type FloatType,
  type RawTensor,
  toFloat32,
} from "./tensor.ts";

/** Slots of floats, of the base's floats, of the sums, and of halves. */
const [FLOATS, BASE, SUMS, HALVES] = [0, 1, 2, 3];

/** An element that a type has no finite number for. */
export interface Unfit {
  /** Its index. */
  readonly element: number;
  /** What was to be rounded. */
  readonly value: number;
}

/**
 * What rounding keeps of a change M of weights B, with Ŵ = round(B + M) and B̂ = round(B): sums over all elements,
 * which add up over layers.
 */
export interface Kept {
  /** ‖M‖². */
  readonly energy: number;
  /** ⟨M, Ŵ − B̂⟩: as much as `energy` where rounding takes nothing away, on average. */
  readonly product: number;
  /** Elements with Ŵ ≠ B̂. */
  readonly moved: number;
  /** Elements. */
  readonly count: number;
}

/** Both over all elements of two. */
export function addKept(a: Kept, b: Kept): Kept {
  return {
    energy: a.energy + b.energy,
    product: a.product + b.product,
    moved: a.moved + b.moved,
    count: a.count + b.count,
  };
}

/**
 * Writes values as the bytes of a type, rounded to nearest, ties to even.
 *
 * @param values as they are stored, or floats, perhaps in the kernels' memory.
 * @param into as many bytes as the type takes.
 * @returns the first that is not finite there; `null`: all are.
 */
export function roundInto(
  kernels: FloatKernels,
  values: RawTensor | Float32Array,
  dtype: FloatType,
  into: Uint8Array,
): Unfit | null {
  const { memory, allFinite, narrowBF16, narrowF16 } = kernels;
  const total = values instanceof Float32Array ? values.length : elementCount(values.shape);
  const size = ELEMENT_SIZES[dtype];
  let unfit: Unfit | null = null;
  for (let begin = 0; begin < total; begin += BLOCK) {
    const count = Math.min(BLOCK, total - begin);
    const floats = placed(kernels, values, begin, count, FLOATS);
    clearTail(kernels, floats, count);
    const from = dtype === "F32" ? floats : slot(HALVES);
    const isFinite = dtype === "F32"
      ? allFinite(floats, count)
      : (dtype === "BF16" ? narrowBF16 : narrowF16)(floats, from, count);
    const bytes = new Uint8Array(memory.buffer, from, size * count);
    if (!isFinite && unfit === null) {
      const rounded = toFloat32({ dtype, shape: [count], bytes });
      const at = rounded.findIndex((value) => !Number.isFinite(value));
      unfit = { element: begin + at, value: new Float32Array(memory.buffer, floats, count)[at] };
    }
    into.set(bytes, size * begin);
  }
  return unfit;
}

/**
 * What rounding to a type keeps of the change from a base to `whole`.
 *
 * @param whole B + M, perhaps in the kernels' memory.
 * @param base B, as it is stored.
 */
export function keptOf(
  kernels: FloatKernels,
  whole: Float32Array,
  base: RawTensor,
  dtype: FloatType,
): Kept {
  const { memory } = kernels;
  const sums = new Float64Array(memory.buffer, slot(SUMS), 3).fill(0);
  const add = { F32: kernels.keptF32, BF16: kernels.keptBF16, F16: kernels.keptF16 }[dtype];
  for (let begin = 0; begin < whole.length; begin += BLOCK) {
    const count = Math.min(BLOCK, whole.length - begin);
    const floats = placed(kernels, whole, begin, count, FLOATS);
    load(kernels, base, begin, count, slot(BASE));
    clearTail(kernels, floats, count);
    clearTail(kernels, slot(BASE), count);
    add(floats, slot(BASE), slot(SUMS), count);
  }
  const [energy, product, moved] = sums;
  return { energy, product, moved, count: whole.length };
}

/** Address of values as floats: where they are in the kernels' memory, else in a slot. */
function placed(
  kernels: FloatKernels,
  values: RawTensor | Float32Array,
  begin: number,
  count: number,
  spare: number,
): number {
  const { memory } = kernels;
  if (values instanceof Float32Array) {
    const block = values.subarray(begin, begin + count);
    if (values.buffer === memory.buffer) return block.byteOffset;
    new Float32Array(memory.buffer, slot(spare), count).set(block);
  } else {
    load(kernels, values, begin, count, slot(spare));
  }
  return slot(spare);
}

/** What fills up the last vector is none of the values, and counts as zeros. */
export function clearTail({ memory }: FloatKernels, floats: number, count: number): void {
  const filled = Math.ceil(count / 4) * 4;
  if (filled > count) new Float32Array(memory.buffer, floats, filled).fill(0, count);
}
