/** Dense matrices in float64, written out: what the linear algebra of engines is held against. */

import { SeededRandom } from "../../../lib/util/random.ts";

/** A matrix by its rows. */
export type Matrix = readonly Float64Array[];

/** `[rows, columns]` of row-major numbers. */
export function matrixOf(numbers: ArrayLike<number>, rows: number, columns: number): Matrix {
  return Array.from(
    { length: rows },
    (_, row) => Float64Array.from({ length: columns }, (_, at) => numbers[row * columns + at]),
  );
}

/** The numbers row by row, as 32-bit floats. */
export function flat(matrix: Matrix): Float32Array {
  return Float32Array.from(matrix.flatMap((row) => [...row]));
}

/** Aᵀ. */
export function transposed(a: Matrix): Matrix {
  return Array.from(a[0], (_, column) => Float64Array.from(a, (row) => row[column]));
}

/** A · B. */
export function product(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => {
    const sums = new Float64Array(b[0].length);
    for (let k = 0; k < row.length; k++) {
      const factor = row[k];
      for (let at = 0; at < sums.length; at++) sums[at] += factor * b[k][at];
    }
    return sums;
  });
}

/** ‖A − B‖ / ‖B‖, in Frobenius' norm. */
export function apart(a: Matrix, b: Matrix): number {
  let [difference, all] = [0, 0];
  b.forEach((row, i) =>
    row.forEach((each, j) => {
      difference += (a[i][j] - each) ** 2;
      all += each ** 2;
    })
  );
  return Math.sqrt(difference / all);
}

/** I. */
export function identity(size: number): Matrix {
  return Array.from({ length: size }, (_, at) => {
    const row = new Float64Array(size);
    row[at] = 1;
    return row;
  });
}

/** L of A = L Lᵀ. */
export function lowerFactor(a: Matrix): Matrix {
  const l = a.map((row) => new Float64Array(row.length));
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i][j];
      for (let k = 0; k < j; k++) sum -= l[i][k] * l[j][k];
      l[i][j] = i === j ? Math.sqrt(sum) : sum / l[j][j];
    }
  }
  return l;
}

/** Independent standard normal numbers, as 32-bit floats hold them. */
export function normalMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = new SeededRandom(seed);
  return matrixOf(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    rows,
    columns,
  );
}

/**
 * XᵀX/T + ridge·I of T = 2n inputs whose features differ in scale by ten: symmetric and positive definite, as 32-bit
 * floats hold it.
 */
export function secondMoments(n: number, seed: number, ridge = 0.05): Matrix {
  const x = normalMatrix(2 * n, n, seed).map((row) => row.map((each, at) => each * 10 ** (at / n)));
  return product(transposed(x), x).map((row, i) =>
    row.map((each, j) => Math.fround(each / (2 * n) + (i === j ? ridge : 0)))
  );
}

/** A⁻¹ of a small matrix, by Gauss and Jordan. */
export function inverse(a: Matrix): Matrix {
  const n = a.length;
  const rows = a.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => +(i === j))]);
  for (let k = 0; k < n; k++) {
    const pivot = rows[k][k];
    rows[k] = rows[k].map((each) => each / pivot);
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i][k];
      rows[i] = rows[i].map((each, j) => each - factor * rows[k][j]);
    }
  }
  return rows.map((row) => Float64Array.from(row.slice(n)));
}
