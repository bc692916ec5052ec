/** Leading eigenvalues and eigenvectors of a large symmetric matrix, by products on the engine and little else. */

import { SeededRandom } from "../../util/random.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import { requireCount } from "./requirements.ts";
import { combine, eigen, orthonormal, type Rows, symmetricProducts } from "./small_matrix.ts";
import { type LeadingOptions, productsWith, rowMajor, rowsOf } from "./truncated_svd.ts";

/** Directions beside those of interest, so that these are found well. */
const SPARE = 8;

/** Up to this share of all they are looked for; more are found by taking all of the matrix apart. */
const FEW = 1 / 4;

/** A ≈ Σ λᵢ vᵢ vᵢᵀ. */
export interface SymmetricEigen {
  /** λ, in the order of falling |λ|. */
  readonly values: readonly number[];
  /** vᵢ as rows, `[λs, n]`; the caller's to release. */
  readonly vectors: Placed;
}

/**
 * The eigenvalues of largest magnitude of a symmetric matrix, and their vectors.
 *
 * Up to a quarter of all, by subspace iteration with Rayleigh and Ritz (Golub & Van Loan, "Matrix Computations", 4th
 * ed., section 8.2.4), to some 1e-6 |λ₁| where the spectrum falls; more by Jacobi's rotations in double precision on
 * this thread, to 1e-7 |λ₁|: ten seconds for all of 512 rows, eight times as many for twice the rows.
 *
 * @param a A, `[n, n]`
 * @param size n
 * @param count how many; fewer are found where the others are zero.
 * @throws {OptionError} if A is not of that size, or the count is not from 1 to it.
 *
 * @example
 * ```ts
 * import { onnxEngine, ProgramCache, symmetricEigen } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const a = await engine.place(Float32Array.of(1, 3, 3, 1));
 * const { values } = await symmetricEigen(programs, a, 2, 2);
 * assert.deepEqual(values.map((each) => Math.round(1e6 * each) / 1e6), [4, -2]);
 * ```
 */
export async function symmetricEigen(
  programs: ProgramCache,
  a: Placed,
  size: number,
  count: number,
  options: LeadingOptions = {},
): Promise<SymmetricEigen> {
  requireCount(a, [size, size], count);
  const { engine } = programs;
  if (count > FEW * size) {
    options.signal?.throwIfAborted();
    const [numbers] = await engine.read([a]);
    const { values, vectors } = leading(rowsOf(numbers, size), count);
    return { values, vectors: await engine.place(rowMajor(vectors)) };
  }
  const { turns = 6, seed = 1, signal } = options;
  const { backward } = productsWith(programs, a, [size, size], signal);
  const random = new SeededRandom(seed);
  let rows: Rows = orthonormal(Array.from(
    { length: Math.min(count + SPARE, size) },
    () => Float64Array.from({ length: size }, () => random.normal()),
  ));
  for (let turn = 0; turn < turns && rows.length > 0; turn++) {
    rows = orthonormal(await backward(rows));
  }
  if (rows.length === 0) return { values: [], vectors: await engine.place(new Float32Array()) };
  const { values, vectors } = leading(symmetricProducts(await backward(rows), rows), count);
  return { values, vectors: await engine.place(rowMajor(combine(vectors, rows))) };
}

function leading(symmetric: Rows, count: number): ReturnType<typeof eigen> {
  const { values, vectors } = eigen(symmetric);
  const order = values.map((_, index) => index)
    .sort((i, j) => Math.abs(values[j]) - Math.abs(values[i])).slice(0, count);
  return { values: order.map((at) => values[at]), vectors: order.map((at) => vectors[at]) };
}
