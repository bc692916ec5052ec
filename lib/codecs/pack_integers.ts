/** Whole numbers that lie as floats, column by column, packed in planes in WebAssembly. */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import { wordsPerRow } from "./signs.ts";

/** Rows whose 32 columns a slot holds. */
const ROWS = BLOCK / 32;

/**
 * Numbers of some columns, `[columns, out]`, as words of planes.
 *
 * @param planes takes them: `[bits · ⌈in / 32⌉, out]`.
 * @param first column of all that comes first in `numbers`, a multiple of 32.
 */
export function packColumns(
  { memory, packPlane }: FloatKernels,
  numbers: Float32Array,
  planes: Int32Array,
  { first, bits, inSize, outSize }: {
    readonly first: number;
    readonly bits: number;
    readonly inSize: number;
    readonly outSize: number;
  },
): void {
  const columns = numbers.length / outSize;
  for (let begin = 0; begin < columns; begin += 32) {
    const many = Math.min(32, columns - begin);
    for (let row = 0; row < outSize; row += ROWS) {
      const rows = Math.min(ROWS, outSize - row);
      const count = Math.ceil(rows / 4) * 4;
      for (let column = 0; column < many; column++) {
        const at = (begin + column) * outSize + row;
        new Float32Array(memory.buffer, slot(0) + 4 * column * count, rows)
          .set(numbers.subarray(at, at + rows));
      }
      for (let bit = 0; bit < bits; bit++) {
        packPlane(slot(1), slot(0), many, bit, count);
        const line = bit * wordsPerRow(inSize) + (first + begin) / 32;
        planes.set(new Int32Array(memory.buffer, slot(1), rows), line * outSize + row);
      }
    }
  }
}
