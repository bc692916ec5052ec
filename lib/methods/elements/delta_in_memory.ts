/**
 * One layer's delta in the memory of a thread's kernels, for jobs that choose among its elements: only what is kept
 * of it leaves that.
 */

import { differenceInto } from "../../checkpoint/float_blocks.ts";
import {
  BEYOND_SLOTS,
  BLOCK,
  type FloatKernels,
  growBeyondSlots,
  slot,
} from "../../checkpoint/float_kernels.ts";
import { jobKernels } from "../../checkpoint/rounded_tensor.ts";
import { elementCount, type RawTensor } from "../../checkpoint/tensor.ts";
import type { LinearShape } from "../../checkpoint/weights.ts";
import { differenceType } from "../../delta/difference.ts";
import { DeltaError } from "../../util/errors.ts";
import { type ElementKernels, elementKernels } from "./element_kernels.ts";

/** The weights of a layer as a job takes them. */
export interface PairOfWeights {
  /** Of the layer, for errors. */
  readonly name: string;
  readonly shape: LinearShape;
  readonly base: RawTensor;
  readonly fine: RawTensor;
}

/** Floats that kernels may write beyond the last one. */
const SPILL = 8;

/** Δ `[out, in]` in memory, until the next job of the thread. */
export interface DeltaInMemory {
  readonly kernels: FloatKernels;
  readonly elements: ElementKernels;
  /** Its elements, row-major. */
  readonly delta: Float32Array;
}

/** What a job of the thread computes with. */
export type ThreadKernels = Omit<DeltaInMemory, "delta">;

/** Makes the kernels of the thread, the first time. */
export async function threadKernels(): Promise<ThreadKernels> {
  const kernels = await jobKernels();
  return { kernels, elements: await elementKernels(kernels) };
}

/**
 * Forms Δ, in the type of both weights. Nothing may be waited for until the job is done with it: the memory is also
 * that of other jobs of the thread.
 */
export function deltaInMemory(
  { kernels, elements }: ThreadKernels,
  { name, shape, base, fine }: PairOfWeights,
): DeltaInMemory {
  const count = elementCount(shape);
  if (!growBeyondSlots(kernels, 4 * (count + SPILL))) {
    throw new DeltaError({
      problem: "has more weights than there is memory for their delta",
      tensor: name,
      value: count,
      expected: "a delta of less than 4 GiB in 32-bit floats",
    });
  }
  const delta = new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, count);
  const type = differenceType(base.dtype, fine.dtype);
  differenceInto(kernels, { fine, base, type }, { delta });
  return { kernels, elements, delta };
}

/** A magnitude, as the bits of |x|, and how many elements have it and come before all below. */
export interface Threshold {
  readonly magnitude: number;
  /** Elements of this magnitude among the largest. */
  readonly ties: number;
}

/**
 * The magnitude of the k-th largest element, k at least 1: all above it and some that have it are the k largest.
 */
export function thresholdOf(
  { kernels, elements, delta }: DeltaInMemory,
  kept: number,
): Threshold {
  const upper = table(kernels, 2 ** 15);
  elements.countUpper(delta.byteOffset, upper.byteOffset, delta.length);
  const high = fromTop(upper, kept);
  const lower = table(kernels, 2 ** 16);
  elements.countLower(delta.byteOffset, lower.byteOffset, delta.length, high.bin);
  const low = fromTop(lower, high.left);
  return { magnitude: high.bin * 2 ** 16 + low.bin, ties: low.left };
}

/** Counts in the first slots. */
function table({ memory }: FloatKernels, bins: number): Uint32Array {
  return new Uint32Array(memory.buffer, slot(0), bins).fill(0);
}

/** The bin of the k-th from the top, and its place in the bin. */
function fromTop(counts: Uint32Array, place: number): { bin: number; left: number } {
  let left = place;
  for (let bin = counts.length - 1; bin >= 0; left -= counts[bin--]) {
    if (counts[bin] >= left) return { bin, left };
  }
  throw new RangeError(`place ${place} of ${place - left} elements`);
}

/** Root mean square about the mean. */
export function deviationOf({ kernels, elements, delta }: DeltaInMemory): number {
  const sums = new Float64Array(kernels.memory.buffer, slot(0), 2).fill(0);
  for (let begin = 0; begin < delta.length; begin += BLOCK) {
    const block = delta.subarray(begin, begin + BLOCK);
    elements.moments(block.byteOffset, sums.byteOffset, block.length);
  }
  const [mean, square] = sums.map((sum) => sum / delta.length);
  return Math.sqrt(Math.max(0, square - mean ** 2));
}
