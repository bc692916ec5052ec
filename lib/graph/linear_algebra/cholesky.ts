/**
 * Cholesky's factor of a large matrix: halves, whose blocks are factored in double precision and all else is
 * products on the engine (Gustavson, "Recursion leads to automatic variable blocking", 1997). The factor stays in
 * parts, of which the upper half takes no room.
 */

import type { Part } from "../ops/parts.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import { CholeskyFactor, type FactorBlock, type FactorPart } from "./factor.ts";
import { middle, quarters } from "./halves.ts";
import { borrowed, Matrices, type Matrix } from "./matrices.ts";
import { type BlockPivots, requirePositive, requireSquare } from "./requirements.ts";
import { dividedByTransposed } from "./triangular.ts";

/** Settings of a factorisation. */
export interface CholeskyOptions {
  /** ρ, added to the diagonal in double precision; default: 0. */
  ridge?: number;
  /** Stops the work before its next step. */
  signal?: AbortSignal;
}

/**
 * L of A + ρI = L Lᵀ.
 *
 * Products are in 32-bit floats: ‖L Lᵀ − A − ρI‖ is some 1e-7 ‖A‖ at 4,096 rows, where the condition number times
 * that is well below 1. About n³ / 2 multiplications and additions.
 *
 * @param a A, symmetric, `[n, n]`; its lower half is read.
 * @param size n
 * @throws {NotPositiveDefiniteError} if a pivot is not positive; it names the pivot.
 * @throws {OptionError} if the matrix is not of that size, or the ridge is negative.
 *
 * @example
 * ```ts
 * import { cholesky, choleskySolve, onnxEngine, ProgramCache } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const a = await engine.place(Float32Array.of(4, 2, 2, 5));
 * using factor = await cholesky(programs, a, 2);
 * const x = await choleskySolve(programs, factor, await engine.place(Float32Array.of(6, 7)), 1);
 * assert.deepEqual([...(await engine.read([x]))[0]], [1, 1]);
 * ```
 */
export async function cholesky(
  programs: ProgramCache,
  a: Placed,
  size: number,
  options: CholeskyOptions = {},
): Promise<CholeskyFactor> {
  const { ridge = 0, signal } = options;
  requireSquare(a, size, ridge);
  using work = new Factorisation(new Matrices(programs, signal), ridge);
  const root = await work.factor(borrowed(a, size, size), 0);
  await requirePositive(programs, work.pivots);
  return new CholeskyFactor(size, root, work.taken());
}

class Factorisation implements Disposable {
  readonly pivots: BlockPivots[] = [];
  readonly #kept = new DisposableStack();
  readonly #passing = new DisposableStack();

  constructor(readonly matrices: Matrices, readonly ridge: number) {}

  /** The factor of a diagonal part that begins at a row, of what the rows before leave of it. */
  async factor(a: Matrix, begin: number): Promise<FactorPart> {
    const { matrices } = this;
    const size = a.rows;
    const at = middle(size);
    if (at === null) return await this.#block(a, begin);
    const { first: upper, below: lower, second: last } = quarters(at, size);
    const first = await this.#factorOf(matrices.part(a, upper), begin);
    const below = await this.#below(a, lower, first);
    const rest = this.#rest(a, last, below);
    return { size, first, below, second: await this.#factorOf(rest, begin + at) };
  }

  /** The parts of the factor are now whoever's who asks. */
  taken(): Disposable {
    return this.#kept.move();
  }

  [Symbol.dispose](): void {
    this.#kept.dispose();
    this.#passing.dispose();
  }

  async #factorOf(matrix: Promise<Matrix>, begin: number): Promise<FactorPart> {
    using a = await matrix;
    return await this.factor(a, begin);
  }

  async #below(a: Matrix, part: Part, first: FactorPart): Promise<Matrix> {
    using left = await this.matrices.part(a, part);
    return this.#kept.use(await dividedByTransposed(this.matrices, left, first));
  }

  async #rest(a: Matrix, part: Part, below: Matrix): Promise<Matrix> {
    using right = await this.matrices.part(a, part);
    return await this.matrices.subtracted(right, below, below, { transposeSecond: true });
  }

  async #block(a: Matrix, begin: number): Promise<FactorBlock> {
    const { factor: lower, inverse, pivots } = await this.matrices.block(a, this.ridge);
    for (const part of [lower, inverse]) this.#kept.use(part);
    this.pivots.push({ begin, pivots: this.#passing.use(pivots) });
    return { size: a.rows, lower, inverse };
  }
}
