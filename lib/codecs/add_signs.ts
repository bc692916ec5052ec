/**
 * Scaled signs added to weights in WebAssembly: the fast path of the codec `signs`, whose `decode` says what is
 * added. Blocks of rows of packed words go through a slot of the kernels' memory.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { LinearShape } from "../checkpoint/weights.ts";

/** Slots of one row of weights, of packed words and of the columns' factors. */
const [ROW, WORDS, COLUMNS] = [0, 1, 2];

/** ±1 with its scales. */
export interface ScaledSigns {
  /** `[ceil(in / 32), out]`, as the codec has it. */
  readonly mask: Int32Array;
  /** Of each row `[out]`, or one of all. */
  readonly row: (row: number) => number;
  /** `[in]` */
  readonly column: Float32Array | null;
}

/** Adds `row[o] · column[i] · S[o, i]` to each element of `sum`, `[out, in]`, in 32-bit floats. */
export function addSigns(
  kernels: FloatKernels,
  sum: Float32Array,
  { mask, row, column }: ScaledSigns,
  [outSize, inSize]: LinearShape,
): void {
  for (let begin = 0; begin < inSize; begin += BLOCK) {
    const end = Math.min(begin + BLOCK, inSize);
    const of = column?.subarray(begin, end);
    if (of) new Float32Array(kernels.memory.buffer, slot(COLUMNS), of.length).set(of);
    addStripe(kernels, sum, { mask, row, columns: of ? slot(COLUMNS) : 0, begin, end }, [
      outSize,
      inSize,
    ]);
  }
}

/** Columns from `begin` to `end`, as many as a slot holds and as whole words. */
interface Stripe extends Pick<ScaledSigns, "mask" | "row"> {
  /** Address of their factors; 0: none. */
  readonly columns: number;
  readonly begin: number;
  readonly end: number;
}

function addStripe(
  kernels: FloatKernels,
  sum: Float32Array,
  { mask, row, columns, begin, end }: Stripe,
  [outSize, inSize]: LinearShape,
): void {
  const { memory } = kernels;
  const width = Math.ceil((end - begin) / 4) * 4;
  const inPlace = sum.buffer === memory.buffer && width === end - begin;
  const [firstWord, lastWord] = [begin / 32, Math.ceil(end / 32)];
  const mostRows = Math.min(outSize, Math.floor(BLOCK / (lastWord - firstWord)));
  const words = new Int32Array(memory.buffer, slot(WORDS), BLOCK);
  const ofRow = new Float32Array(memory.buffer, slot(ROW), end - begin);
  for (let first = 0; first < outSize; first += mostRows) {
    const rows = Math.min(mostRows, outSize - first);
    for (let word = firstWord; word < lastWord; word++) {
      const at = word * outSize + first;
      words.set(mask.subarray(at, at + rows), (word - firstWord) * rows);
    }
    for (let at = 0; at < rows; at++) {
      const start = (first + at) * inSize;
      const values = sum.subarray(start + begin, start + end);
      if (!inPlace) ofRow.set(values);
      const address = inPlace ? values.byteOffset : slot(ROW);
      const packed = slot(WORDS) + 4 * at;
      kernels.addSigns(address, packed, 4 * rows, row(first + at), columns, width);
      if (!inPlace) values.set(ofRow);
    }
  }
}
