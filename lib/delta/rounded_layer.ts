/**
 * One layer's weights with its delta applied, in the type that they are to be stored in, and what rounding kept
 * of the delta: a job, so that a model is written as fast as threads form it and the disk takes it.
 */

import type { FloatKernels } from "../checkpoint/float_kernels.ts";
import { BEYOND_SLOTS, growBeyondSlots } from "../checkpoint/float_kernels.ts";
import { giveRoom, isLittle, roomFor } from "../checkpoint/room.ts";
import { keptOf, roundInto } from "../checkpoint/rounded_blocks.ts";
import { jobKernels, type RoundedTensor, type Rounding } from "../checkpoint/rounded_tensor.ts";
import { isInline } from "../checkpoint/scan_job.ts";
import { byteCount, elementCount, type FloatType, type RawTensor } from "../checkpoint/tensor.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import type { Job } from "../util/job.ts";
import { runJob } from "../util/worker_pool.ts";
import { appliedTensor } from "./applied_tensor.ts";

/** A layer to be formed. */
export interface RoundingOrder {
  readonly layer: CompressedLayer;
  /** W of the base; `null` for a layer in its place. */
  readonly base: RawTensor | null;
  /** Its name, for errors. */
  readonly tensor: string;
  readonly dtype: FloatType;
  /** Takes the bytes. */
  readonly into: Uint8Array;
}

/** Floats that kernels may write beyond the last one. */
const SPILL = 8;

/** The job; {@linkcode roundLayer} runs it. */
export const roundLayerJob: Job<[order: RoundingOrder], Rounding> = {
  module: import.meta.url,
  name: "roundLayerJob",
  async run({ layer, base, tensor, dtype, into }) {
    const kernels = await jobKernels();
    const weights = roomOf(kernels, elementCount(layer.shape));
    appliedTensor(layer, base, tensor).form(kernels, weights);
    const kept = base && keptOf(kernels, weights, base, dtype);
    return { unfit: roundInto(kernels, weights, dtype, into), kept };
  },
};

/** Floats in the kernels' memory, which are copied nowhere; elsewhere where it cannot hold so many. */
function roomOf(kernels: FloatKernels, count: number): Float32Array {
  const fits = growBeyondSlots(kernels, 4 * (count + SPILL));
  return fits
    ? new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, count)
    : new Float32Array(count);
}

/**
 * The base's weights of a layer with its delta applied, summed in 32-bit floats and rounded once.
 *
 * @throws {DivergenceError} where a sum is beyond 32-bit floats.
 */
export async function roundLayer(
  layer: CompressedLayer,
  base: RawTensor | null,
  tensor: string,
  dtype: FloatType,
  signal?: AbortSignal,
): Promise<RoundedTensor> {
  const length = byteCount({ dtype, shape: layer.shape });
  const inline = isLittle(length) || base !== null && isInline(base.bytes);
  const into = roomFor(length, inline);
  const order = { layer, base, tensor, dtype, into };
  const found = await runJob(roundLayerJob, [order], { inline, signal });
  return { ...found, bytes: into, giveBack: () => giveRoom(into) };
}
