/** What a stage is given: numbers, or those that are stored otherwise, some of them in memory that threads share. */

import type { FloatKernels } from "../../../checkpoint/float_kernels.ts";
import { isFloatType } from "../../../checkpoint/tensor.ts";
import type { Numbers } from "../../../graph/graph.ts";
import type { ReservedInfo } from "../../../graph/placed.ts";
import { StoredNumbers } from "../placed.ts";

/** One of the inputs. */
export type Given = Numbers | StoredNumbers;

/** Numbers as kernels read them. */
export interface Stored {
  readonly storage: ReservedInfo["dtype"];
  readonly bytes: Uint8Array;
}

/**
 * What is given as bytes.
 *
 * @param isTable whether 16-bit floats stay so.
 * @throws {TypeError} if it is of a type that is none of weights'.
 */
export function storedBytes(given: Given, isTable: boolean, kernels: FloatKernels): Stored {
  if (!(given instanceof StoredNumbers)) return ofNumbers(given);
  const { tensor } = given;
  if ("dtype" in tensor) {
    const { dtype, bytes } = tensor;
    if (dtype === "I32" || dtype === "F32" || isTable && isFloatType(dtype)) {
      return { storage: dtype, bytes };
    }
  }
  const floats = new Float32Array(given.length);
  given.into(kernels, floats);
  return ofNumbers(floats);
}

function ofNumbers(numbers: Numbers): Stored {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return { storage: numbers instanceof Float32Array ? "F32" : "I32", bytes };
}
