/**
 * Memory that runs widen weights into, one run after another: a new one each time costs its pages again. It is
 * the kernels' own, whose views ONNX Runtime takes as they are.
 */

import {
  BEYOND_SLOTS,
  type FloatKernels,
  growBeyondSlots,
} from "../../checkpoint/float_kernels.ts";

/** Where an array starts and what it is filled up to: a whole number of vectors. */
const ALIGNMENT = 64;

/** Grows to what is asked for at once, and stays. */
export class Scratch {
  constructor(readonly kernels: FloatKernels) {}

  /**
   * Arrays of so many floats, of which nothing is said but that they do not overlap; those taken before are void.
   * They lie in the kernels' memory, unless they are more than that can hold.
   */
  take(counts: readonly number[]): Float32Array[] {
    const sizes = counts.map((count) => Math.ceil(4 * count / ALIGNMENT) * ALIGNMENT);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    if (!growBeyondSlots(this.kernels, bytes)) {
      return counts.map((count) => new Float32Array(count));
    }
    let at = BEYOND_SLOTS;
    return counts.map((count, index) => {
      const floats = new Float32Array(this.kernels.memory.buffer, at, count);
      at += sizes[index];
      return floats;
    });
  }
}
