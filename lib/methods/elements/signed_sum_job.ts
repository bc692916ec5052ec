/** ⟨Δ, S⟩ of a layer's delta and a mask of signs. */

import { BLOCK, slot } from "../../checkpoint/float_kernels.ts";
import { isInline } from "../../checkpoint/scan_job.ts";
import { wordsPerRow } from "../../codecs/signs.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";
import { deltaInMemory, type PairOfWeights, threadKernels } from "./delta_in_memory.ts";

/** The job; {@linkcode signedSum} runs it. */
export const signedSumJob: Job<[pair: PairOfWeights, mask: Int32Array], number> = {
  module: import.meta.url,
  name: "signedSumJob",
  async run(pair, mask) {
    const [outSize, inSize] = pair.shape;
    const { kernels, elements, delta } = deltaInMemory(await threadKernels(), pair);
    const words = wordsPerRow(inSize);
    const most = Math.max(1, Math.min(outSize, Math.floor(BLOCK / words)));
    const target = new Int32Array(kernels.memory.buffer, slot(0), most * words);
    let sum = 0;
    for (let first = 0; first < outSize; first += most) {
      const rows = Math.min(most, outSize - first);
      for (let word = 0; word < words; word++) {
        const at = word * outSize + first;
        target.set(mask.subarray(at, at + rows), word * rows);
      }
      for (let row = 0; row < rows; row++) {
        const address = delta.byteOffset + 4 * (first + row) * inSize;
        sum += elements.signedSum(address, slot(0) + 4 * row, 4 * rows, inSize);
      }
    }
    return sum;
  },
};

/** Σ S ∘ Δ in float64. */
export async function signedSum(
  { name, shape, base, fine }: PairOfWeights,
  mask: Int32Array,
  signal?: AbortSignal,
): Promise<number> {
  const order = [{ name, shape, base, fine }, mask] as const;
  return await runJob(signedSumJob, [...order], { inline: isInline(fine.bytes), signal });
}
