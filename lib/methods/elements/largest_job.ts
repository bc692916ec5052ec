/** The largest elements of a layer's delta: where they are, and their signs. */

import { BLOCK, slot } from "../../checkpoint/float_kernels.ts";
import { isInline } from "../../checkpoint/scan_job.ts";
import { segmentsOf } from "../../codecs/segments.ts";
import { segmentedBytes } from "../../codecs/stored_positions.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";
import {
  deltaInMemory,
  deviationOf,
  type PairOfWeights,
  threadKernels,
  thresholdOf,
} from "./delta_in_memory.ts";
import { PositionsWriter } from "./positions_writer.ts";

/** What was found. */
export interface LargestElements {
  /** As the codec `sparse-signs` stores it. */
  readonly stored: Readonly<Record<"counts" | "low" | "high" | "sign_bits", Uint8Array>>;
  /** Root mean square of Δ about its mean. */
  readonly deviation: number;
  /** Mean |Δ| of the elements. */
  readonly magnitude: number;
}

/** Slots of the signs and positions of a segment, and those that positions are written through. */
const [SIGNS, POSITIONS, LOW, HIGH] = [0, 1, 2, 3];

/** The job; {@linkcode findLargest} runs it. */
export const largestJob: Job<[pair: PairOfWeights, kept: number], LargestElements> = {
  module: import.meta.url,
  name: "largestJob",
  async run(pair, kept) {
    const { shape } = pair;
    const memory = deltaInMemory(await threadKernels(), pair);
    const { kernels, elements, delta } = memory;
    const deviation = deviationOf(memory);
    const { magnitude: least, ties } = thresholdOf(memory, kept);
    elements.ties.value = ties;
    const positions = new PositionsWriter(kernels, elements, shape, kept, [LOW, HIGH]);
    const signs = new Uint8Array(segmentedBytes(shape, kept));
    const ofSegment = new Uint8Array(kernels.memory.buffer, slot(SIGNS), BLOCK / 8);
    let [at, sum] = [0, 0];
    for (const segment of segmentsOf(shape)) {
      const address = delta.byteOffset + 4 * BLOCK * segment.index;
      ofSegment.fill(0);
      const count = elements.larger(
        address,
        slot(POSITIONS),
        slot(SIGNS),
        segment.length,
        least,
      );
      sum += elements.magnitudeSum.value;
      positions.write(segment, slot(POSITIONS), count);
      const bytes = Math.ceil(count / 8);
      signs.set(ofSegment.subarray(0, bytes), at);
      at += bytes;
    }
    return { stored: { ...positions.parts(), sign_bits: signs }, deviation, magnitude: sum / kept };
  },
  moved: ({ stored }) => Object.values(stored).map(({ buffer }) => buffer as ArrayBuffer),
};

/**
 * The `kept` largest elements of a layer's delta by magnitude, of those of one magnitude the first ones.
 *
 * @param kept at least 1.
 */
export async function findLargest(
  { name, shape, base, fine }: PairOfWeights,
  kept: number,
  signal?: AbortSignal,
): Promise<LargestElements> {
  const order = [{ name, shape, base, fine }, kept] as const;
  return await runJob(largestJob, [...order], { inline: isInline(fine.bytes), signal });
}
