/**
 * What of a layer's weights changed, as the codec `lossless` stores it: one pass over both weights, block by block, and
 * each plane compressed by Zstandard.
 */

import { constants, zstdCompressSync } from "node:zlib";
import { load } from "../../checkpoint/float_blocks.ts";
import { BLOCK, slot } from "../../checkpoint/float_kernels.ts";
import { jobKernels } from "../../checkpoint/rounded_tensor.ts";
import { isInline } from "../../checkpoint/scan_job.ts";
import {
  byteCount,
  elementCount,
  type FloatType,
  type RawTensor,
} from "../../checkpoint/tensor.ts";
import type { Term } from "../../codecs/codec.ts";
import { lossless, SPARE_PLACES, stepBytes } from "../../codecs/lossless.ts";
import { segmentsOf } from "../../codecs/segments.ts";
import { positionLayout } from "../../codecs/stored_positions.ts";
import type { Job } from "../../util/job.ts";
import { runJob } from "../../util/worker_pool.ts";
import { elementKernels } from "./element_kernels.ts";
import type { PairOfWeights } from "./delta_in_memory.ts";
import { PositionsWriter } from "./positions_writer.ts";

/** Slots of both weights, of the steps' planes, and of positions. */
const [FINE, BASE, PLANES, POSITIONS] = [0, 1, 2, 3];

/** The job; {@linkcode findChanges} runs it. */
export const changesJob: Job<[pair: PairOfWeights, level: number], Term> = {
  module: import.meta.url,
  name: "changesJob",
  async run({ shape, base, fine }, level) {
    const kernels = await jobKernels();
    const elements = await elementKernels(kernels);
    const { buffer } = kernels.memory;
    const type = finer(base.dtype as FloatType, fine.dtype as FloatType);
    const count = elementCount(shape);
    const mask = new Uint8Array(Math.ceil(count / 8));
    const planes = Array.from({ length: stepBytes(type) }, () => new Uint8Array(count));
    const ofMask = new Uint8Array(buffer, slot(FINE), BLOCK / 8);
    let changed = 0;
    for (const { index, length } of segmentsOf(shape)) {
      const begin = index * BLOCK;
      load(kernels, fine, begin, length, slot(FINE));
      load(kernels, base, begin, length, slot(BASE));
      const found = elements.changes(
        slot(FINE),
        slot(BASE),
        slot(POSITIONS),
        slot(PLANES),
        BLOCK,
        length,
        SPARE_PLACES[type],
      );
      planes.forEach((plane, at) =>
        plane.set(new Uint8Array(buffer, slot(PLANES) + at * BLOCK, found), changed)
      );
      changed += found;
      ofMask.fill(0);
      elements.setBits(slot(FINE), slot(POSITIONS), found);
      mask.set(ofMask.subarray(0, Math.ceil(length / 8)), begin / 8);
    }
    const compress = (bytes: Uint8Array) =>
      new Uint8Array(zstdCompressSync(bytes, {
        params: { [constants.ZSTD_c_compressionLevel]: level },
      }));
    const packed = planes.map((plane) => compress(plane.subarray(0, changed)));
    const packedMask = compress(mask);
    const layout = Object.values(positionLayout(shape, changed));
    const isMask = packedMask.length <= layout.reduce((sum, info) => sum + byteCount(info), 0);
    const form = {
      type,
      changed,
      mask: isMask ? packedMask.length : 0,
      ...Object.fromEntries(packed.map(({ length }, at) => [`plane${at}`, length])),
    };
    const bytes: Record<string, Uint8Array> = {
      ...(isMask ? { mask: packedMask } : positions()),
      ...Object.fromEntries(packed.map((each, at) => [`plane${at}`, each])),
    };
    const parts = Object.entries(lossless.layout(shape, form))
      .map(([name, info]): [string, RawTensor] => [name, { ...info, bytes: bytes[name] }]);
    return { codec: lossless.name, form, parts: Object.fromEntries(parts) };

    function positions() {
      const writer = new PositionsWriter(kernels, elements, shape, changed, [BASE, PLANES]);
      for (const segment of segmentsOf(shape)) {
        const begin = segment.index * BLOCK / 8;
        const bits = mask.subarray(begin, begin + Math.ceil(segment.length / 8));
        ofMask.set(bits);
        const found = kernels.positionsOfMask(slot(FINE), slot(POSITIONS), segment.length);
        writer.write(segment, slot(POSITIONS), found);
      }
      return writer.parts();
    }
  },
  moved: ({ parts }) => Object.values(parts).map(({ bytes }) => bytes.buffer as ArrayBuffer),
};

/** The type that can hold the numbers of both. */
function finer(base: FloatType, fine: FloatType): FloatType {
  return base === fine ? base : "F32";
}

/**
 * What of a layer's weights changed, as a term of the codec `lossless`.
 *
 * @param level of Zstandard.
 */
export async function findChanges(
  { name, shape, base, fine }: PairOfWeights,
  level: number,
  signal?: AbortSignal,
): Promise<Term> {
  const order = [{ name, shape, base, fine }, level] as const;
  return await runJob(changesJob, [...order], { inline: isInline(fine.bytes), signal });
}
