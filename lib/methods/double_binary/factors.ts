/**
 * Double binary factors at work: Â = diag(r) L diag(m) Rᵀ diag(c), the signs as matrices of ±1 where an engine
 * computes, the scales on the host.
 */

import type { Matrix } from "../../graph/linear_algebra/matrices.ts";

/** Factors of a matrix `[out, in]` with k inner signs. Dispose of them to free the signs. */
export interface Factors extends Disposable {
  /** L, `[out, k]`. */
  readonly left: Matrix;
  /** R, `[in, k]`: the right factor transposed. */
  readonly right: Matrix;
  readonly scales: FactorScales;
}

/** The scales of factors. */
export interface FactorScales {
  /** r, `[out]`. */
  readonly row: Float32Array;
  /** m, `[k]`. */
  readonly middle: Float32Array;
  /** c, `[in]`. */
  readonly column: Float32Array;
}

/**
 * The same product with r, m and c of one size each, so that 16 bits hold them as well as they can: their geometric
 * means over what is not zero are alike.
 */
export function balanced({ row, middle, column }: FactorScales): FactorScales {
  const vectors = [row, middle, column];
  const sizes = vectors.map((values) => {
    const logarithms = [...values].filter((each) => each !== 0).map((each) =>
      Math.log2(Math.abs(each))
    );
    return logarithms.reduce((sum, each) => sum + each, 0) / Math.max(1, logarithms.length);
  });
  const all = sizes.reduce((sum, each) => sum + each, 0) / 3;
  // Powers of two, so that nothing is rounded; the last takes what is left.
  const [first, second] = sizes.map((size) => Math.round(all - size));
  const shifts = [first, second, -first - second];
  const [r, m, c] = vectors.map((values, at) => values.map((each) => each * 2 ** shifts[at]));
  return { row: r, middle: m, column: c };
}

/**
 * The mask of a matrix of signs `[rows, columns]`, with a word of each column for each 32 rows, `[⌈rows / 32⌉,
 * columns]`: bit b of word (w, j) is 1 where element (32w + b, j) is not negative, or there is none.
 */
export function packColumns(values: Float32Array, rows: number, columns: number): Int32Array {
  const mask = new Int32Array(Math.ceil(rows / 32) * columns).fill(-1);
  for (let row = 0, at = 0; row < rows; row++) {
    const start = (row >>> 5) * columns;
    const bit = 1 << (row & 31);
    for (let column = 0; column < columns; column++) {
      if (values[at++] < 0) mask[start + column] &= ~bit;
    }
  }
  return mask;
}
