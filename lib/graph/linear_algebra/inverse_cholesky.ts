/** The factor of an inverse, which is never formed: what GPTQ goes along. */

import { concatenateRows } from "../ops/matrix.ts";
import { concatenateColumns, padColumns, type Part } from "../ops/parts.ts";
import { scaleBy } from "../ops/elementwise.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import type { CholeskyOptions } from "./cholesky.ts";
import { middle, quarters } from "./halves.ts";
import { borrowed, Matrices, type Matrix } from "./matrices.ts";
import { type BlockPivots, requirePositive, requireSquare } from "./requirements.ts";

/**
 * U, upper, of (A + ρI)⁻¹ = Uᵀ U, `[n, n]`: with A the second moments of a layer's inputs, what is wrong in input i
 * is best made good by the inputs after it in proportion to row i (Frantar et al. 2022, "GPTQ", section 3.3).
 *
 * From the end: A + ρI = R Rᵀ with R upper, and U = R⁻¹, whose halves are products. In 32-bit floats but for the
 * blocks: ‖U − R⁻¹‖ is some 1e-7 κ(A) ‖U‖ or less. About 4/3 n³ multiplications and additions.
 *
 * @param a A, symmetric, `[n, n]`; its upper half is read.
 * @param size n
 * @returns U, the caller's to release; zero below the diagonal.
 * @throws {NotPositiveDefiniteError} if a pivot is not positive; it names the last one.
 * @throws {OptionError} if the matrix is not of that size, or the ridge is negative.
 *
 * @example
 * ```ts
 * import { inverseCholesky, onnxEngine, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const a = await engine.place(Float32Array.of(5, 2, 2, 4));
 * const [u] = await engine.read([await inverseCholesky(programs, a, 2)]);
 * assert.deepEqual([...u], [0.5, -0.25, 0, 0.5]);
 * ```
 */
export async function inverseCholesky(
  programs: ProgramCache,
  a: Placed,
  size: number,
  options: CholeskyOptions = {},
): Promise<Placed> {
  const { ridge = 0, signal } = options;
  requireSquare(a, size, ridge);
  using work = new Inversion(new Matrices(programs, signal), ridge);
  const upper = await work.inverse(borrowed(a, size, size), 0);
  try {
    // From the end: the first that is wrong is the last one.
    await requirePositive(programs, work.pivots, "last");
  } catch (error) {
    upper[Symbol.dispose]();
    throw error;
  }
  return upper.placed;
}

class Inversion implements Disposable {
  readonly pivots: BlockPivots[] = [];
  readonly #passing = new DisposableStack();

  constructor(readonly matrices: Matrices, readonly ridge: number) {}

  /** R⁻¹ of a diagonal part that begins at a row, of what the rows behind it leave of it. */
  async inverse(a: Matrix, begin: number): Promise<Matrix> {
    const at = middle(a.rows);
    if (at === null) return await this.#block(a, begin);
    const { matrices } = this;
    const { first, above, second } = quarters(at, a.rows);
    using last = await this.#inverseOf(matrices.part(a, second), begin + at);
    using right = await this.#right(a, above, last);
    using upper = await this.#inverseOf(this.#rest(a, first, right), begin);
    using across = await this.#across(upper, right, last);
    return await matrices.step(
      "upper halves",
      [upper, across, last],
      ([upper, across, last]) =>
        concatenateRows([
          concatenateColumns([upper, scaleBy(across, -1)]),
          padColumns(last, at, 0),
        ]),
    );
  }

  [Symbol.dispose](): void {
    this.#passing.dispose();
  }

  async #inverseOf(matrix: Promise<Matrix>, begin: number): Promise<Matrix> {
    using a = await matrix;
    return await this.inverse(a, begin);
  }

  /** R's upper right part, A's by the last part's inverse. */
  async #right(a: Matrix, part: Part, last: Matrix): Promise<Matrix> {
    using above = await this.matrices.part(a, part);
    return await this.matrices.product(above, last, { transposeSecond: true });
  }

  async #rest(a: Matrix, part: Part, right: Matrix): Promise<Matrix> {
    using upper = await this.matrices.part(a, part);
    return await this.matrices.subtracted(upper, right, right, { transposeSecond: true });
  }

  /** What is negative in the inverse's upper right part. */
  async #across(upper: Matrix, right: Matrix, last: Matrix): Promise<Matrix> {
    using half = await this.matrices.product(upper, right);
    return await this.matrices.product(half, last);
  }

  async #block(a: Matrix, begin: number): Promise<Matrix> {
    const { factor, inverse, pivots } = await this.matrices.block(a, this.ridge, { upper: true });
    factor[Symbol.dispose]();
    this.pivots.push({ begin, pivots: this.#passing.use(pivots) });
    return inverse;
  }
}
