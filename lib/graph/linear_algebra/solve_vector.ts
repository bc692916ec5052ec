/** A system with one right side, as precise as 32-bit floats hold its solution. */

import { residualBlock } from "../ops/residual_block.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import { cholesky, type CholeskyOptions } from "./cholesky.ts";
import { borrowed, Matrices, type Matrix, owned } from "./matrices.ts";
import { solved } from "./solve.ts";

/** Each turn makes the error as many times smaller as κ(A) 1e-7 is below 1. */
const TURNS = 3;

/** Elements of A that are looked at together for what is left. */
const AT_ONCE = 2 ** 23;

/**
 * x of (A + ρI) x = b: solved with a factor in 32-bit floats, then three times what is left of b, in double
 * precision on the CPU, is solved for too (Higham, "Accuracy and stability of numerical algorithms", 2nd ed.,
 * section 12.1).
 *
 * While κ(A) is below some 1e6, ‖x − A⁻¹b‖ is 1e-7 ‖x‖, what 32-bit floats hold.
 *
 * @param a A, symmetric, `[n, n]`
 * @param b `[n]`
 * @returns x, `[n]`, the caller's to release.
 * @throws {NotPositiveDefiniteError} if a pivot is not positive; it names the pivot.
 * @throws {OptionError} if A is not as wide as b is long, or the ridge is negative.
 *
 * @example
 * ```ts
 * import { onnxEngine, ProgramCache, solveVector } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const a = await engine.place(Float32Array.of(4, 2, 2, 5));
 * const x = await solveVector(programs, a, await engine.place(Float32Array.of(6, 7)));
 * assert.deepEqual([...(await engine.read([x]))[0]], [1, 1]);
 * ```
 */
export async function solveVector(
  programs: ProgramCache,
  a: Placed,
  b: Placed,
  options: CholeskyOptions = {},
): Promise<Placed> {
  const n = b.length;
  using factor = await cholesky(programs, a, n, options);
  const matrices = new Matrices(programs, options.signal);
  const [whole, side] = [borrowed(a, n, n), borrowed(b, 1, n)];
  const { ridge = 0 } = options;
  using amount = owned(await programs.engine.place(Float32Array.of(ridge)), 1, 1);
  let x = await solved(matrices, factor, side);
  try {
    for (let turn = 0; turn < TURNS; turn++) {
      using left = await residual(matrices, whole, { x, b: side, ridge: amount });
      using step = await solved(matrices, factor, left);
      const better = await matrices.sum(x, step);
      x[Symbol.dispose]();
      x = better;
    }
    return x.placed;
  } catch (error) {
    x[Symbol.dispose]();
    throw error;
  }
}

/** b − (A + ρI) x, so many rows at a time that they are copied in little room. */
async function residual(
  matrices: Matrices,
  a: Matrix,
  { x, b, ridge }: Readonly<Record<"x" | "b" | "ridge", Matrix>>,
): Promise<Matrix> {
  const n = a.rows;
  const height = Math.max(1, Math.floor(AT_ONCE / n));
  using pieces = new DisposableStack();
  const found: Matrix[] = [];
  for (let begin = 0; begin < n; begin += height) {
    using rows = await matrices.part(a, { rows: [begin, Math.min(n, begin + height)] });
    const piece = await matrices.step(
      `residual from ${begin}`,
      [rows, x, b, ridge],
      ([rows, x, b, ridge]) => residualBlock(rows, x, b, ridge, begin),
    );
    found.push(pieces.use(piece));
  }
  return await matrices.beside(...found);
}
