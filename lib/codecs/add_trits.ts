/**
 * Scaled trits added to weights in WebAssembly: the fast path of the codec `ternary`, whose `decode` says what is
 * added. Blocks of rows of packed words of both masks go through slots of the kernels' memory.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { LinearShape } from "../checkpoint/weights.ts";

/** Slots of one row of weights, and of the words of both masks. */
const [ROW, FIRST, SECOND] = [0, 1, 2];

/** −1, 0 and +1 with their scale. */
export interface Trits {
  /** `[ceil(in / 32), out]`, as the codec has it. */
  readonly first: Int32Array;
  /** As `first`. */
  readonly second: Int32Array;
  /** Of each row `[out]`, or one of all. */
  readonly scale: (row: number) => number;
}

/** Adds `scale[o] · T[o, i]` to each element of `sum`, `[out, in]`, in 32-bit floats. */
export function addTrits(
  kernels: FloatKernels,
  sum: Float32Array,
  trits: Trits,
  [outSize, inSize]: LinearShape,
): void {
  const { memory } = kernels;
  for (let begin = 0; begin < inSize; begin += BLOCK) {
    const columns = Math.min(BLOCK, inSize - begin);
    const words = Math.ceil(columns / 32);
    const most = Math.min(outSize, Math.floor(BLOCK / words));
    const width = Math.ceil(columns / 4) * 4;
    const inPlace = sum.buffer === memory.buffer && width === columns;
    const ofRow = new Float32Array(memory.buffer, slot(ROW), columns);
    for (let first = 0; first < outSize; first += most) {
      const rows = Math.min(most, outSize - first);
      for (const [mask, to] of [[trits.first, FIRST], [trits.second, SECOND]] as const) {
        const target = new Int32Array(memory.buffer, slot(to), BLOCK);
        for (let word = 0; word < words; word++) {
          const at = (begin / 32 + word) * outSize + first;
          target.set(mask.subarray(at, at + rows), word * rows);
        }
      }
      for (let row = 0; row < rows; row++) {
        const start = (first + row) * inSize + begin;
        const values = sum.subarray(start, start + columns);
        if (!inPlace) ofRow.set(values);
        kernels.addTrits(
          inPlace ? values.byteOffset : slot(ROW),
          slot(FIRST) + 4 * row,
          slot(SECOND) + 4 * row,
          4 * rows,
          trits.scale(first + row),
          width,
        );
        if (!inPlace) values.set(ofRow);
      }
    }
  }
}
