/** A layer's delta as trits: 0 up to a magnitude, and the sign above it. */

import { BLOCK, slot } from "../../checkpoint/float_kernels.ts";
import { isInline } from "../../checkpoint/scan_job.ts";
import { wordsPerRow } from "../../codecs/signs.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";
import {
  deltaInMemory,
  type PairOfWeights,
  threadKernels,
  thresholdOf,
} from "./delta_in_memory.ts";

/** What is 0: all but so many largest elements, or those of at most a magnitude. */
export type Zeros = { readonly largest: number } | { readonly upTo: number };

/** Trits of a layer. */
export interface FoundTrits {
  /** Of the mask of signs, `[ceil(in / 32), out]`; a zero counts as +1. */
  readonly first: Int32Array;
  /** Of the other mask, as `first`: another sign where the trit is 0. */
  readonly second: Int32Array;
  /** Elements of each row that are not 0, `[out]`. */
  readonly kept: Float64Array;
  /** Σ|Δ| of these, `[out]`. */
  readonly sums: Float64Array;
}

/** Slots of a block of words of each mask, and of a row's count. */
const [FIRST, SECOND, COUNT] = [1, 2, 3];

/** The job; {@linkcode findTrits} runs it. */
export const tritsJob: Job<[pair: PairOfWeights, zeros: Zeros], FoundTrits> = {
  module: import.meta.url,
  name: "tritsJob",
  async run(pair, zeros) {
    const [outSize, inSize] = pair.shape;
    const memory = deltaInMemory(await threadKernels(), pair);
    const { kernels, elements, delta } = memory;
    const magnitude = "largest" in zeros
      ? thresholdOf(memory, zeros.largest + 1).magnitude
      : new Int32Array(Float32Array.of(zeros.upTo).buffer)[0];
    const words = wordsPerRow(inSize);
    const most = Math.max(1, Math.min(outSize, Math.floor(BLOCK / words)));
    const { buffer } = kernels.memory;
    const count = new Int32Array(buffer, slot(COUNT), 1);
    const found: FoundTrits = {
      first: new Int32Array(words * outSize),
      second: new Int32Array(words * outSize),
      kept: new Float64Array(outSize),
      sums: new Float64Array(outSize),
    };
    for (let first = 0; first < outSize; first += most) {
      const rows = Math.min(most, outSize - first);
      for (let row = 0; row < rows; row++) {
        found.sums[first + row] = elements.trits(
          delta.byteOffset + 4 * (first + row) * inSize,
          slot(FIRST) + 4 * row,
          slot(SECOND) + 4 * row,
          4 * rows,
          inSize,
          magnitude,
          slot(COUNT),
        );
        found.kept[first + row] = count[0];
      }
      for (const [mask, from] of [[found.first, FIRST], [found.second, SECOND]] as const) {
        for (let word = 0; word < words; word++) {
          const column = new Int32Array(buffer, slot(from) + 4 * word * rows, rows);
          mask.set(column, word * outSize + first);
        }
      }
    }
    return found;
  },
  moved: (found) => Object.values(found).map(({ buffer }) => buffer as ArrayBuffer),
};

/** The trits of a layer's delta. */
export async function findTrits(
  pair: PairOfWeights,
  zeros: Zeros,
  signal?: AbortSignal,
): Promise<FoundTrits> {
  const { name, shape, base, fine } = pair;
  const order = [{ name, shape, base, fine }, zeros] as const;
  return await runJob(tritsJob, [...order], { inline: isInline(fine.bytes), signal });
}
