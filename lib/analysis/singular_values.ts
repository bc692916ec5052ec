/**
 * Leading singular values of a matrix, by Golub and Kahan's bidiagonalisation with full
 * reorthogonalisation (Golub & Van Loan, "Matrix Computations", 4th ed., section 10.4.3). It needs
 * only products with the matrix and its transpose, so a few values of a large matrix cost little; run
 * to the end it gives all of them. Singular vectors are not formed.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import { SeededRandom } from "../util/random.ts";

/** Seed of the start vector: the values found do not depend on it but in their last digits. */
const SEED = 1;
/** Where a new direction counts as none, relative to the matrix' norm. */
const BREAKDOWN = 1e-10;
/** Where leading values that move less, relatively, count as found. */
const CONVERGED = 1e-9;

/**
 * The `count` largest singular values of A, in falling order; all of them where A has fewer.
 *
 * @param matrix A, `[out, in]`, row-major
 *
 * @example
 * ```ts
 * import { singularValues } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [first, second] = singularValues(Float32Array.of(3, 0, 0, -4), [2, 2], 2);
 * assert.ok(Math.abs(first - 4) < 1e-9 && Math.abs(second - 3) < 1e-9);
 * ```
 */
export function singularValues(
  matrix: Float32Array,
  [outSize, inSize]: LinearShape,
  count: number,
): number[] {
  const rank = Math.min(outSize, inSize);
  const wanted = Math.min(count, rank);
  const process = new Bidiagonalisation(matrix, outSize, inSize);
  let found = new Array<number>(wanted).fill(0);
  while (process.steps < rank) {
    process.advance(Math.min(rank, process.steps + wanted + 16));
    const last = found;
    found = process.leading(wanted);
    const moved = Math.max(...found.map((value, index) => Math.abs(value - last[index])));
    if (moved <= CONVERGED * found[0]) break;
  }
  return found;
}

/**
 * Share of ‖A‖² in the leading k singular values, Σᵢ≤ₖ σᵢ² / ‖A‖², for each k.
 *
 * @example
 * ```ts
 * import { energyShares } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(energyShares([4, 3], 5), [16 / 25, 1]);
 * ```
 */
export function energyShares(leading: readonly number[], norm: number): number[] {
  let sum = 0;
  return leading.map((value) => (sum += value * value) / (norm * norm));
}

/**
 * A = U B Vᵀ step by step, B upper bidiagonal with diagonal α and superdiagonal β; of a wide matrix
 * its transpose, so that the vectors of V span all of their space at the end. Where a direction
 * runs out (A's rank, or a value that occurs twice), it goes on with a random one that is orthogonal
 * to all before, so that no value is missed when it is run to the end.
 */
class Bidiagonalisation {
  readonly #alphas: number[] = [];
  readonly #betas: number[] = [];
  readonly #lefts: Float64Array[] = [];
  readonly #rights: Float64Array[] = [];
  readonly #random = new SeededRandom(SEED);
  readonly #negligible: number;

  constructor(
    readonly matrix: Float32Array,
    readonly outSize: number,
    readonly inSize: number,
  ) {
    this.#negligible = BREAKDOWN * Math.sqrt(matrix.reduce((sum, each) => sum + each * each, 0));
    this.#rights.push(this.#randomDirection(Math.min(outSize, inSize), []));
  }

  get steps(): number {
    return this.#alphas.length;
  }

  advance(steps: number): void {
    while (this.steps < steps) {
      const step = this.steps;
      const left = this.#product(this.#rights[step], this.#isWide);
      if (step > 0) addTo(left, -this.#betas[step - 1], this.#lefts[step - 1]);
      this.#alphas.push(this.#append(left, this.#lefts));
      if (step + 1 === Math.min(this.outSize, this.inSize)) return;
      const right = this.#product(this.#lefts[step], !this.#isWide);
      addTo(right, -this.#alphas[step], this.#rights[step]);
      this.#betas.push(this.#append(right, this.#rights));
    }
  }

  leading(count: number): number[] {
    const offDiagonal = this.#alphas.flatMap((alpha, step) =>
      step === 0 ? [alpha] : [this.#betas[step - 1], alpha]
    );
    return Array.from({ length: count }, (_, index) => eigenvalue(offDiagonal, index));
  }

  /** Makes `vector` orthogonal to `basis` and appends it at length 1; returns its length before. */
  #append(vector: Float64Array, basis: Float64Array[]): number {
    orthogonalise(vector, basis);
    const length = norm(vector);
    if (length > this.#negligible) {
      basis.push(vector.map((each) => each / length));
      return length;
    }
    basis.push(this.#randomDirection(vector.length, basis));
    return 0;
  }

  #randomDirection(size: number, basis: readonly Float64Array[]): Float64Array {
    const direction = Float64Array.from({ length: size }, () => this.#random.normal());
    orthogonalise(direction, basis);
    const length = norm(direction);
    return direction.map((each) => each / length);
  }

  get #isWide(): boolean {
    return this.inSize > this.outSize;
  }

  #product(vector: Float64Array, transposed: boolean): Float64Array {
    const { matrix, outSize, inSize } = this;
    const product = new Float64Array(transposed ? inSize : outSize);
    for (let o = 0; o < outSize; o++) {
      const row = o * inSize;
      if (transposed) {
        for (let i = 0; i < inSize; i++) product[i] += matrix[row + i] * vector[o];
      } else {
        let sum = 0;
        for (let i = 0; i < inSize; i++) sum += matrix[row + i] * vector[i];
        product[o] = sum;
      }
    }
    return product;
  }
}

/** Gram and Schmidt's, twice: once leaves what rounding put back. */
function orthogonalise(vector: Float64Array, basis: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const each of basis) addTo(vector, -dot(vector, each), each);
  }
}

function addTo(target: Float64Array, factor: number, source: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * source[i];
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector));
}

/**
 * The `index`th largest eigenvalue of the symmetric tridiagonal matrix with zero diagonal and this
 * off-diagonal, by bisection on Sturm counts. With α₁, β₁, α₂, β₂ … off the diagonal its positive
 * eigenvalues are the singular values of B (Golub & Kahan 1965), without squaring anything.
 */
function eigenvalue(offDiagonal: readonly number[], index: number): number {
  const size = offDiagonal.length + 1;
  const neighbours = offDiagonal.map((each, at) =>
    Math.abs(each) + Math.abs(offDiagonal[at + 1] ?? 0)
  );
  const bound = Math.max(Math.abs(offDiagonal[0]), ...neighbours);
  let [low, high] = [0, bound];
  while (high - low > 1e-15 * bound) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (size - countBelow(offDiagonal, middle) > index) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** How many eigenvalues lie below x: the negative pivots of T − x. */
function countBelow(offDiagonal: readonly number[], x: number): number {
  let pivot = -x;
  let count = pivot < 0 ? 1 : 0;
  for (const each of offDiagonal) {
    pivot = -x - each * each / (pivot === 0 ? Number.MIN_VALUE : pivot);
    if (pivot < 0) count++;
  }
  return count;
}
