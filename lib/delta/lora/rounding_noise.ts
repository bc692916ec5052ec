/**
 * How large the difference of two stored matrices is, and how much of it the rounding of the second to its type
 * would make by itself: a job, in WebAssembly.
 *
 * A number w is rounded to a multiple of its spacing u(w) = 2^(⌊log₂|w|⌋ − p), with p places after the leading one:
 * an error that is uniform on ±u/2, of mean square u²/12.
 */

import { load } from "../../checkpoint/float_blocks.ts";
import { BLOCK, slot } from "../../checkpoint/float_kernels.ts";
import { clearTail } from "../../checkpoint/rounded_blocks.ts";
import { jobKernels } from "../../checkpoint/rounded_tensor.ts";
import { isInline } from "../../checkpoint/scan_job.ts";
import { elementCount, type FloatType, type RawTensor } from "../../checkpoint/tensor.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";

/** Places of a type after its leading one. */
const PLACES = { F32: 23, F16: 10, BF16: 7 } as const satisfies Record<FloatType, number>;

/** Slots of the fine-tune's floats, the base's, and sums. */
const [FINE, BASE, SUMS] = [0, 1, 2];

/** Squares of two sizes. */
export interface DifferenceEnergy {
  /** ‖Δ‖². */
  readonly delta: number;
  /** What rounding the fine-tune would put there, on average: Σ u²/12. */
  readonly noise: number;
}

/** The job; {@linkcode differenceEnergy} runs it. */
export const energyJob: Job<[base: RawTensor, fine: RawTensor], DifferenceEnergy> = {
  module: import.meta.url,
  name: "energyJob",
  async run(base, fine) {
    const kernels = await jobKernels();
    const sums = new Float64Array(kernels.memory.buffer, slot(SUMS), 4).fill(0);
    const total = elementCount(fine.shape);
    for (let begin = 0; begin < total; begin += BLOCK) {
      const count = Math.min(BLOCK, total - begin);
      for (const [raw, at] of [[fine, FINE], [base, BASE]] as const) {
        load(kernels, raw, begin, count, slot(at));
        clearTail(kernels, slot(at), count);
      }
      kernels.keptF32(slot(FINE), slot(BASE), slot(SUMS), count);
      kernels.binades(slot(FINE), slot(SUMS) + 24, count);
    }
    const spacing = 2 ** -PLACES[fine.dtype as FloatType];
    return { delta: sums[0], noise: sums[3] * spacing ** 2 / 12 };
  },
};

/** The sizes of the difference of two matrices as they are stored. */
export async function differenceEnergy(
  base: RawTensor,
  fine: RawTensor,
  signal?: AbortSignal,
): Promise<DifferenceEnergy> {
  const inline = isInline(fine.bytes) || isInline(base.bytes);
  return await runJob(energyJob, [base, fine], { inline, signal });
}
