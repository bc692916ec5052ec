/** Extraction of a delta's signs and mean magnitude, on one core, against plain TypeScript. */

import assert from "node:assert/strict";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { extractSigns } from "../../lib/delta/extract_job.ts";
import type { ExtractedSigns } from "../../lib/delta/extract_layer.ts";
import { type Comparison, fastest, requireSame } from "./comparison.ts";
import { randomTensor } from "./random_matrix.ts";

const SIZE = 4096;

/** Millions of elements a second, bfloat16 from memory. */
export async function compareExtraction(): Promise<Comparison[]> {
  const base = randomTensor(SIZE, 0.02, 1);
  const fine = randomTensor(SIZE, 0.02, 2);
  const plain = plainSigns(base, fine);
  const ours = await extractSigns(base, fine);
  assert.deepEqual(ours.mask, plain.mask);
  requireSame("mean magnitude", ours.meanMagnitude, plain.meanMagnitude, 1e-6);
  const speed = (seconds: number) => SIZE ** 2 / 1e6 / seconds;
  return [{
    what: `extraction, ${SIZE} × ${SIZE} bfloat16, one core`,
    unit: "M elements/s",
    ours: speed(await fastest(10, () => extractSigns(base, fine))),
    peer: speed(await fastest(3, () => Promise.resolve(plainSigns(base, fine)))),
    peerIs: "plain TypeScript",
    better: "higher",
    bound: 1000,
  }];
}

/** Row by row, a short loop for each step: what the compiler makes most of. */
function plainSigns(base: RawTensor, fine: RawTensor): ExtractedSigns {
  const [outSize, inSize] = fine.shape;
  const baseHalves = halvesOf(base);
  const fineHalves = halvesOf(fine);
  const baseWords = new Int32Array(inSize);
  const baseRow = new Float32Array(baseWords.buffer);
  const words = new Int32Array(inSize);
  const row = new Float32Array(words.buffer);
  const mask = new Int32Array(outSize * inSize / 32);
  let sum = 0;
  for (let o = 0; o < outSize; o++) {
    for (let i = 0; i < inSize; i++) {
      baseWords[i] = baseHalves[o * inSize + i] << 16;
      words[i] = fineHalves[o * inSize + i] << 16;
    }
    for (let i = 0; i < inSize; i++) row[i] -= baseRow[i];
    for (let w = 0; w < inSize / 32; w++) {
      let word = 0;
      for (let k = 0; k < 32; k++) word |= +(row[32 * w + k] >= 0) << k;
      mask[w * outSize + o] = word;
    }
    for (let i = 0; i < inSize; i++) {
      words[i] = words[i] + 0x7fff + (words[i] >>> 16 & 1) & 0x7fff0000;
    }
    for (let i = 0; i < inSize; i++) sum += row[i];
  }
  return { mask, meanMagnitude: sum / (outSize * inSize) };
}

function halvesOf({ bytes }: RawTensor): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
}
