/** Seeded matrices like weights: quick to make, for the same million numbers come round and round. */

import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { SeededRandom } from "../../lib/util/random.ts";

const DISTINCT = 2 ** 20;

/** Normal numbers of this standard deviation, `[rows, columns]`. */
export function randomMatrix(
  rows: number,
  columns: number,
  deviation: number,
  seed: number,
): Float32Array<ArrayBuffer> {
  const random = new SeededRandom(seed);
  const matrix = new Float32Array(rows * columns);
  const distinct = Math.min(DISTINCT, matrix.length);
  for (let i = 0; i < distinct; i++) matrix[i] = deviation * random.normal();
  for (let filled = distinct; filled < matrix.length; filled += distinct) {
    matrix.copyWithin(filled, 0, Math.min(distinct, matrix.length - filled));
  }
  return matrix;
}

/** The same as a bfloat16 tensor. */
export function randomTensor(size: number, deviation: number, seed: number): RawTensor {
  const bytes = fromFloat32(randomMatrix(size, size, deviation, seed), "BF16");
  return { dtype: "BF16", shape: [size, size], bytes };
}
