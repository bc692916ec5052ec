/**
 * A matrix formed once of what has no product in a graph, in the narrowest type that holds it to the bit: a job for a
 * worker, so that steps of others go on.
 */

import { BEYOND_SLOTS, growBeyondSlots } from "../../checkpoint/float_kernels.ts";
import { isLittle, roomFor } from "../../checkpoint/room.ts";
import { jobKernels } from "../../checkpoint/rounded_tensor.ts";
import {
  ELEMENT_SIZES,
  elementCount,
  type FloatType,
  fromFloat32,
  type RawTensor,
} from "../../checkpoint/tensor.ts";
import type { CompressedLayer } from "../../codecs/codec.ts";
import { appliedTensor } from "../../delta/applied_tensor.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";

/** What is formed. */
interface FormingOrder {
  readonly layer: CompressedLayer;
  /** What its terms are added to; `null`: nothing. */
  readonly start: RawTensor | null;
  /** Its name, for errors. */
  readonly tensor: string;
  /** Takes the bytes, 4 for each element at most. */
  readonly into: Uint8Array;
}

/** Floats that kernels may write beyond the last one. */
const SPILL = 8;

/** The job; {@linkcode formMatrix} runs it. */
export const formMatrixJob: Job<[order: FormingOrder], FloatType> = {
  module: import.meta.url,
  name: "formMatrixJob",
  async run({ layer, start, tensor, into }) {
    const kernels = await jobKernels();
    const count = elementCount(layer.shape);
    const values = growBeyondSlots(kernels, 4 * (count + SPILL))
      ? new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, count)
      : new Float32Array(count);
    appliedTensor(layer, start, tensor).form(kernels, values);
    const type = narrowestType(values);
    into.set(fromFloat32(values, type));
    return type;
  },
};

/**
 * The sum of a layer's terms, and of what they are added to.
 *
 * @throws {DivergenceError} where a sum is beyond 32-bit floats.
 */
export async function formMatrix(
  layer: CompressedLayer,
  start: RawTensor | null,
  tensor: string,
  signal?: AbortSignal,
): Promise<RawTensor> {
  const length = 4 * elementCount(layer.shape);
  const inline = isLittle(length);
  const into = roomFor(length, inline);
  const dtype = await runJob(formMatrixJob, [{ layer, start, tensor, into }], { inline, signal });
  const bytes = into.subarray(0, length / 4 * ELEMENT_SIZES[dtype]);
  return { dtype, shape: layer.shape, bytes };
}

/** A type of 16 bits that holds all numbers as they are; else that of 32. */
function narrowestType(values: Float32Array): FloatType {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length);
  if (words.every((each) => (each & 0xffff) === 0)) return "BF16";
  return values.every((each) => Object.is(Math.f16round(each), each)) ? "F16" : "F32";
}
