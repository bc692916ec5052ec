/**
 * Double binary factors added to weights in WebAssembly: the fast path of the codec `double-binary`, whose `decode`
 * says what is added. Strips of columns of blocks of rows are summed in a slot of the kernels' memory.
 */

import { type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import { INNER, STRIP } from "../checkpoint/sign_product_kernel_texts.ts";
import type { LinearShape } from "../checkpoint/weights.ts";

/** Slots of the strip's sums, of the strip of weights, of what they are formed of, and of tables. */
const [SUMS, WEIGHTS, FACTORS, TABLES] = [0, 1, 2, 3];

/** Rows of a block: a strip of them is a slot. */
const ROWS = 512;

/** Addresses of 32 inner signs' words of rows and of columns, and of their factors, and of columns' factors. */
const OF_ROWS = slot(FACTORS);
const OF_COLUMNS = OF_ROWS + 4 * INNER * (ROWS / 32);
const MIDDLE = OF_COLUMNS + 4 * INNER * (STRIP / 32);
const COLUMN = MIDDLE + 4 * INNER;

/** The factors of a matrix, as the codec has them. */
export interface DoubleBinaryFactors {
  /** `[⌈out / 32⌉, inner]` */
  readonly left: Int32Array;
  /** `[⌈in / 32⌉, inner]` */
  readonly right: Int32Array;
  /** `[out]` */
  readonly row: Float32Array;
  /** `[inner]` */
  readonly middle: Float32Array;
  /** `[in]` */
  readonly column: Float32Array;
}

/** Adds `row[o] · Σⱼ left[o, j] middle[j] right[j, i] · column[i]` to each element of `sum`, `[out, in]`. */
export function addDoubleBinary(
  kernels: FloatKernels,
  sum: Float32Array,
  factors: DoubleBinaryFactors,
  [outSize, inSize]: LinearShape,
): void {
  for (let firstColumn = 0; firstColumn < inSize; firstColumn += STRIP) {
    const columns = factors.column.subarray(firstColumn, firstColumn + STRIP);
    new Float32Array(kernels.memory.buffer, COLUMN, columns.length).set(columns);
    for (let firstRow = 0; firstRow < outSize; firstRow += ROWS) {
      const rows = Math.min(ROWS, outSize - firstRow);
      sumBlock(kernels, factors, firstRow, rows, firstColumn);
      for (let row = 0; row < rows; row++) {
        const start = (firstRow + row) * inSize + firstColumn;
        const weights = sum.subarray(start, start + columns.length);
        addRow(kernels, weights, slot(SUMS) + 4 * STRIP * row, factors.row[firstRow + row]);
      }
    }
  }
}

/** Σⱼ left[o, j] middle[j] right[j, i] of a strip of a block of rows. */
function sumBlock(
  kernels: FloatKernels,
  { left, right, middle }: DoubleBinaryFactors,
  firstRow: number,
  rows: number,
  firstColumn: number,
): void {
  const inner = middle.length;
  const { buffer } = kernels.memory;
  new Float32Array(buffer, slot(SUMS), rows * STRIP).fill(0);
  const ofInner = new Float32Array(buffer, MIDDLE, INNER);
  const load = (mask: Int32Array, address: number, firstWord: number, count: number, at: number) =>
    Array.from({ length: count }, (_, word) => {
      const begin = (firstWord + word) * inner + at;
      const words = mask.subarray(begin, begin + Math.min(INNER, inner - at));
      new Int32Array(buffer, address + 4 * INNER * word, INNER).set(words);
    });
  for (let at = 0; at < inner; at += INNER) {
    // Beyond the last inner sign zeros are added, whatever the words there are.
    ofInner.fill(0).set(middle.subarray(at, at + INNER));
    load(right, OF_COLUMNS, firstColumn / 32, STRIP / 32, at);
    load(left, OF_ROWS, firstRow / 32, Math.ceil(rows / 32), at);
    kernels.tabulateSigns(slot(TABLES), OF_COLUMNS, MIDDLE);
    kernels.addTabulated(slot(SUMS), OF_ROWS, slot(TABLES), rows);
  }
}

/** Adds a row of a strip, in its place where it lies there as whole vectors. */
function addRow(kernels: FloatKernels, weights: Float32Array, values: number, scale: number): void {
  const { buffer } = kernels.memory;
  const count = Math.ceil(weights.length / 4) * 4;
  if (weights.buffer === buffer && count === weights.length) {
    return kernels.addScaled(weights.byteOffset, values, scale, COLUMN, count);
  }
  const inSlot = new Float32Array(buffer, slot(WEIGHTS), weights.length);
  inSlot.set(weights);
  kernels.addScaled(slot(WEIGHTS), values, scale, COLUMN, count);
  weights.set(inSlot);
}
