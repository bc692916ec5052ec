/** What is written of a tenant's parts into the tables of its family. */

import { float32Tensor, type RawTensor, toFloat32, toInt32 } from "../../checkpoint/tensor.ts";
import type { Numbers } from "../../graph/graph.ts";
import type { PlannedTable } from "./tenant_plan.ts";

/** A part as its table has it. */
export function tableNumbers(
  { layout, shape, dtype }: PlannedTable,
  part: RawTensor,
): Numbers | RawTensor {
  switch (layout) {
    case "mask":
      return toInt32(part);
    case "transposed mask":
      return transposeBits(toInt32(part), part.shape[1], shape[1]);
    case "vector":
      return repeated(toFloat32(part), shape[1]);
    case "matrix":
      return dtype === part.dtype ? part : float32Tensor(toFloat32(part), part.shape);
  }
}

function repeated(values: Float32Array, count: number): Float32Array {
  return values.length === count ? values : new Float32Array(count).fill(values[0]);
}

/**
 * Packed bits turned: of `[⌈rows / 32⌉, columns]`, a bit for each row of a column, those of `[⌈columns / 32⌉, rows]`.
 * Bits beyond the last row or column are ones.
 */
export function transposeBits(words: Int32Array, columns: number, rows: number): Int32Array {
  const turned = new Int32Array(Math.ceil(columns / 32) * rows);
  const block = new Int32Array(32);
  for (let column = 0; column < columns; column += 32) {
    for (let row = 0; row < rows; row += 32) {
      const width = Math.min(32, columns - column);
      const from = (row >>> 5) * columns + column;
      for (let at = 0; at < 32; at++) block[at] = at < width ? words[from + at] : -1;
      transposeBlock(block);
      const to = (column >>> 5) * rows + row;
      turned.set(block.subarray(0, Math.min(32, rows - row)), to);
    }
  }
  return turned;
}

/** Swaps bit j of word i with bit i of word j, halves of halves at a time (Warren, "Hacker's Delight", 7-3). */
function transposeBlock(block: Int32Array): void {
  for (let half = 16, mask = 0x0000ffff; half > 0; half >>= 1, mask ^= mask << half) {
    for (let low = 0; low < 32; low = (low + half + 1) & ~half) {
      const high = low + half;
      const swapped = (block[low] >>> half ^ block[high]) & mask;
      block[high] ^= swapped;
      block[low] ^= swapped << half;
    }
  }
}
