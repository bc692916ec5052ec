/** Weights that are formed of others when they are needed, and are stored nowhere. */

import { type FloatKernels, floatKernels } from "./float_kernels.ts";
import { elementCount } from "./tensor.ts";

/** A tensor of float32 that can be formed again and again. */
export interface FormedTensor {
  /** Row-major; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Bytes of what it is formed of. */
  readonly byteLength: number;
  /**
   * Writes its values, row-major, without waiting for anything.
   *
   * @param target in the kernels' memory, where up to seven floats after it are written too, or elsewhere.
   * @throws what its numbers give rise to.
   */
  form(kernels: FloatKernels, target: Float32Array): void;
}

/** The values of a formed tensor. */
export async function formedValues(tensor: FormedTensor): Promise<Float32Array> {
  const values = new Float32Array(elementCount(tensor.shape));
  tensor.form(await sharedKernels(), values);
  return values;
}

let kernels: Promise<FloatKernels> | null = null;

/** Kernels for whoever writes elsewhere than in their memory. */
export function sharedKernels(): Promise<FloatKernels> {
  return kernels ??= floatKernels();
}
