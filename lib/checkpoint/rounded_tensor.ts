/**
 * A tensor in the type that it is to be stored in: a job for a worker, or for the thread that asks where bytes
 * are few. Not here: layers with a delta applied (`delta/rounded_layer.ts`), and writing (`save.ts`).
 */

import type { Job } from "../util/job.ts";
import { runJob } from "../util/worker_pool.ts";
import { type FloatKernels, floatKernels } from "./float_kernels.ts";
import { type Kept, roundInto, type Unfit } from "./rounded_blocks.ts";
import { giveRoom, isLittle, roomFor } from "./room.ts";
import { isInline } from "./scan_job.ts";
import { byteCount, type FloatType, type RawTensor } from "./tensor.ts";

/** What is known of a tensor that was rounded. */
export interface Rounding {
  /** The first element that is not finite in the type; `null`: all are. */
  readonly unfit: Unfit | null;
  /** What is left of a delta in it; `null` where there is none. */
  readonly kept: Kept | null;
}

/** A tensor with its bytes in the type that was asked for. */
export interface RoundedTensor extends Rounding {
  /** Row-major, little-endian. */
  readonly bytes: Uint8Array;
  /** Takes the bytes back, for their memory to be used again. */
  readonly giveBack: () => void;
}

let kernels: Promise<FloatKernels> | null = null;

/** The kernels of this thread's jobs, which grow to what the largest of them needs. */
export function jobKernels(): Promise<FloatKernels> {
  return kernels ??= floatKernels();
}

/** The job; {@linkcode roundTensor} runs it. */
export const roundJob: Job<[raw: RawTensor, dtype: FloatType, into: Uint8Array], Unfit | null> = {
  module: import.meta.url,
  name: "roundJob",
  run: async (raw, dtype, into) => roundInto(await jobKernels(), raw, dtype, into),
};

/** A tensor rounded to a type, to nearest, ties to even. */
export async function roundTensor(
  raw: RawTensor,
  dtype: FloatType,
  signal?: AbortSignal,
): Promise<RoundedTensor> {
  const length = byteCount({ dtype, shape: raw.shape });
  const inline = isInline(raw.bytes) || isLittle(length);
  const bytes = roomFor(length, inline);
  const unfit = await runJob(roundJob, [raw, dtype, bytes], { inline, signal });
  return { bytes, unfit, kept: null, giveBack: () => giveRoom(bytes) };
}
