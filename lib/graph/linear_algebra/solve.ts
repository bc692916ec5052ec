/** Systems with a symmetric matrix whose factor is known, and what whitens with it. */

import { OptionError } from "../../util/errors.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import type { CholeskyFactor } from "./factor.ts";
import { borrowed, Matrices, type Matrix } from "./matrices.ts";
import { divided, dividedByTransposed, multiplied } from "./triangular.ts";

/**
 * X of X · A = B, where A = L Lᵀ: as each row of B is a right side of its own, `[rows, n]`.
 *
 * In 32-bit floats: ‖X − B A⁻¹‖ is some 1e-7 κ(A) ‖X‖ or less. About rows · n² multiplications and additions.
 *
 * @param b B, `[rows, n]`
 * @returns X, `[rows, n]`, the caller's to release.
 * @throws {OptionError} if B has not so many rows of n numbers.
 *
 * @example
 * ```ts
 * import { cholesky, choleskySolve, onnxEngine, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * using factor = await cholesky(programs, await engine.place(Float32Array.of(4, 2, 2, 5)), 2);
 * const rows = await engine.place(Float32Array.of(6, 7, 8, 4));
 * const x = await choleskySolve(programs, factor, rows, 2);
 * assert.deepEqual([...(await engine.read([x]))[0]], [1, 1, 2, 0]);
 * ```
 */
export async function choleskySolve(
  programs: ProgramCache,
  factor: CholeskyFactor,
  b: Placed,
  rows: number,
  signal?: AbortSignal,
): Promise<Placed> {
  const matrices = new Matrices(programs, signal);
  return (await solved(matrices, factor, rowsOf(factor, b, rows))).placed;
}

/** The same, of matrices. */
export async function solved(
  matrices: Matrices,
  { root }: CholeskyFactor,
  b: Matrix,
): Promise<Matrix> {
  using half = await dividedByTransposed(matrices, b, root);
  return await divided(matrices, half, root);
}

/**
 * B · L, `[rows, n]`: of B = Δ and L Lᵀ = E[xxᵀ] the whitened Δ, whose squares add up to E‖Δx‖².
 *
 * @param b B, `[rows, n]`
 * @returns the caller's to release.
 * @throws {OptionError} as {@linkcode choleskySolve}.
 *
 * @example
 * ```ts
 * import { cholesky, factorDivide, factorProduct, onnxEngine, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const [a, b] = [Float32Array.of(4, 2, 2, 5), Float32Array.of(1, 1)];
 * using factor = await cholesky(programs, await engine.place(a), 2);
 * const whitened = await factorProduct(programs, factor, await engine.place(b), 1);
 * const again = await factorDivide(programs, factor, whitened, 1);
 * assert.deepEqual((await engine.read([whitened, again])).map((each) => [...each]), [[3, 2], [1, 1]]);
 * ```
 */
export async function factorProduct(
  programs: ProgramCache,
  factor: CholeskyFactor,
  b: Placed,
  rows: number,
  signal?: AbortSignal,
): Promise<Placed> {
  const matrices = new Matrices(programs, signal);
  return (await multiplied(matrices, rowsOf(factor, b, rows), factor.root)).placed;
}

/**
 * X of X · L = B, `[rows, n]`, which undoes {@linkcode factorProduct}.
 *
 * @param b B, `[rows, n]`
 * @returns the caller's to release.
 * @throws {OptionError} as {@linkcode choleskySolve}.
 *
 * @example
 * ```ts
 * import { cholesky, factorDivide, onnxEngine, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * using factor = await cholesky(programs, await engine.place(Float32Array.of(4, 2, 2, 5)), 2);
 * const x = await factorDivide(programs, factor, await engine.place(Float32Array.of(3, 2)), 1);
 * assert.deepEqual([...(await engine.read([x]))[0]], [1, 1]);
 * ```
 */
export async function factorDivide(
  programs: ProgramCache,
  factor: CholeskyFactor,
  b: Placed,
  rows: number,
  signal?: AbortSignal,
): Promise<Placed> {
  const matrices = new Matrices(programs, signal);
  return (await divided(matrices, rowsOf(factor, b, rows), factor.root)).placed;
}

function rowsOf({ size }: CholeskyFactor, b: Placed, rows: number): Matrix {
  if (Number.isInteger(rows) && rows >= 1 && b.length === rows * size) {
    return borrowed(b, rows, size);
  }
  throw new OptionError({
    option: "rows",
    problem: `${b.length} numbers are not so many rows of ${size}`,
    value: rows,
    expected: "the number of right sides",
  });
}
