/** What a stage is given: numbers, or those that are stored otherwise, some of them in memory that threads share. */

import { float32Tensor, type RawTensor } from "../../../checkpoint/tensor.ts";
import type { FloatKernels } from "../../../checkpoint/float_kernels.ts";
import type { Numbers } from "../../../graph/graph.ts";
import { StoredNumbers } from "../placed.ts";
import type { Storage } from "./kernel.ts";

/** One of the inputs. */
export type Given = Numbers | StoredNumbers;

/** As bytes, of a type that kernels read. */
export function storedBytes(
  given: Given,
  kernels: FloatKernels,
): { storage: Storage; bytes: Uint8Array } {
  if (!(given instanceof StoredNumbers)) {
    const bytes = new Uint8Array(given.buffer, given.byteOffset, given.byteLength);
    return { storage: given instanceof Float32Array ? "F32" : "I32", bytes };
  }
  const { bytes, dtype } = tensorOf(given, kernels);
  return { storage: dtype as Storage, bytes };
}

function tensorOf(given: StoredNumbers, kernels: FloatKernels): RawTensor {
  if (!("form" in given.tensor)) return given.tensor;
  const values = new Float32Array(given.length);
  given.into(kernels, values);
  return float32Tensor(values, given.tensor.shape);
}
