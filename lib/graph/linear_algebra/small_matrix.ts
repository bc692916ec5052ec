/**
 * Linear algebra of a few long rows, in double precision: what a range finder needs beside products with the
 * matrix itself. Rows are tens, not thousands; nothing here loops over weights.
 */

/** A symmetric matrix taken apart, A = Σ λᵢ vᵢ vᵢᵀ. */
export interface Eigen {
  /** λ, in falling order. */
  readonly values: readonly number[];
  /** vᵢ, in the order of the values. */
  readonly vectors: readonly Float64Array[];
}

/** A few long rows. */
export type Rows = readonly Float64Array[];

/** Inner products of rows, `[rows, rows]`. */
export function gram(rows: Rows): Float64Array[] {
  const products = rows.map(() => new Float64Array(rows.length));
  for (let i = 0; i < rows.length; i++) {
    for (let j = 0; j <= i; j++) products[i][j] = products[j][i] = dot(rows[i], rows[j]);
  }
  return products;
}

/** A Bᵀ of rows whose products are symmetric but for rounding. */
export function symmetricProducts(a: Rows, b: Rows): Float64Array[] {
  const products = a.map((row) => Float64Array.from(b, (other) => dot(row, other)));
  return products.map((row, i) => row.map((each, j) => (each + products[j][i]) / 2));
}

/** Σⱼ wⱼ rowⱼ for each list of weights. */
export function combine(weights: Rows, rows: Rows): Float64Array[] {
  const { length } = rows[0];
  return weights.map((each) => {
    const sum = new Float64Array(length);
    rows.forEach((row, index) => {
      const weight = each[index];
      for (let at = 0; at < length; at++) sum[at] += weight * row[at];
    });
    return sum;
  });
}

/**
 * Rows of length 1 at right angles, which span what these span; fewer where some are combinations of others.
 * By the eigenvectors of their inner products, twice: the first time leaves what small values lost.
 */
export function orthonormal(rows: Rows): Float64Array[] {
  let found = [...rows];
  for (let pass = 0; pass < 2; pass++) {
    const { values, vectors } = eigen(gram(found));
    const kept = values.filter((value) => value > NEGLIGIBLE * values[0]).length;
    if (kept === 0 || !(values[0] > 0)) return [];
    const weights = vectors.slice(0, kept).map((vector, index) => {
      const scale = 1 / Math.sqrt(values[index]);
      return vector.map((each) => each * scale);
    });
    found = combine(weights, found);
  }
  return found;
}

/** Square of the precision of products in 32-bit floats: below it a direction is their noise. */
const NEGLIGIBLE = 1e-13;

/**
 * A symmetric matrix taken apart by Jacobi's rotations, cyclic by rows (Golub & Van Loan, "Matrix Computations",
 * 4th ed., section 8.5).
 */
export function eigen(symmetric: Rows): Eigen {
  const size = symmetric.length;
  const a = symmetric.map((row) => row.slice());
  const v = a.map((_, index) => {
    const row = new Float64Array(size);
    row[index] = 1;
    return row;
  });
  const total = Math.sqrt(a.reduce((sum, row) => sum + dot(row, row), 0));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < size; p++) for (let q = 0; q < p; q++) off += a[p][q] ** 2;
    if (Math.sqrt(off) <= 1e-15 * total) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, v, p, q);
  }
  const order = a.map((_, index) => index).sort((i, j) => a[j][j] - a[i][i]);
  return { values: order.map((index) => a[index][index]), vectors: order.map((index) => v[index]) };
}

/** Makes a[p][q] zero; `v` holds the vectors as rows. */
function rotate(a: Float64Array[], v: Float64Array[], p: number, q: number): void {
  if (a[p][q] === 0) return;
  const tau = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = Math.sign(tau || 1) / (Math.abs(tau) + Math.hypot(1, tau));
  const c = 1 / Math.hypot(1, t);
  const s = t * c;
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [a[k][p], a[k][q]];
    a[k][p] = c * x - s * y;
    a[k][q] = s * x + c * y;
  }
  turn(a[p], a[q], c, s);
  turn(v[p], v[q], c, s);
}

function turn(first: Float64Array, second: Float64Array, c: number, s: number): void {
  for (let k = 0; k < first.length; k++) {
    const [x, y] = [first[k], second[k]];
    first[k] = c * x - s * y;
    second[k] = s * x + c * y;
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += a[at] * b[at];
  return sum;
}
