/**
 * Double binary factors made better under a layer's whole objective, one of their five parts at a time with the
 * others fixed: m, c and r where they are least, signs by coordinate descent. No part makes J(Â) greater.
 *
 * With A = diag(r) L, B = diag(c) R, and m a row:
 * - m: [(AᵀA) ∘ (BᵀCB)] m = diag(AᵀPB); c: [(MᵀM) ∘ C] c = colsum(M ∘ P) of M = A diag(m) Rᵀ; both from where they
 *   are, held there by a ridge of 1e-4, so that J falls however near to singular the systems are;
 * - r: rᵢ = Σ(M ∘ P)ᵢ / Σ(MC ∘ M)ᵢ of M = L diag(m) Bᵀ, at which J = −Σᵢ Σ(M ∘ P)ᵢ² / Σ(MC ∘ M)ᵢ;
 * - L: rows of A, K = diag(m) BᵀCB diag(m); R: rows of B, which C couples, K = diag(m) AᵀA diag(m).
 *
 * Sources: Li et al. 2024, "ARB-LLM" (alternating refinement of rows and columns); Xu et al. 2024, "OneBit".
 */

import { cholesky, choleskySolve } from "../../graph/linear_algebra/mod.ts";
import { type Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import { multiply } from "../../graph/ops/elementwise.ts";
import { productOfSlabs, sumOfSlabs } from "../tall_matrix.ts";
import type { Factors, FactorScales } from "./factors.ts";
import { columnSums, mean, rowSums, scaledColumns, scaledRows, vector } from "./steps.ts";
import { type Quadratic, type RightProducts, sweptLeft, sweptRight } from "./sweeps.ts";

/** Share of a system's mean diagonal that holds a solution where it was. */
const RIDGE = 1e-4;

/** Factors with J of them. */
export interface Polished extends Factors {
  readonly objective: number;
}

/** Polishes factors for some rounds, the last one of scales alone; `start` is disposed of. */
export async function polish(
  matrices: Matrices,
  quadratic: Quadratic,
  start: Factors,
  rounds: number,
): Promise<Polished> {
  const work = new Polish(matrices, quadratic, start);
  try {
    for (let round = 0; round < rounds - 1; round++) {
      await work.fitScales();
      await work.sweep();
    }
    await work.fitScales();
    return work.taken();
  } catch (error) {
    work[Symbol.dispose]();
    throw error;
  }
}

/** The same factors with r where J is least; `start` is disposed of. */
export async function withRowsFitted(
  matrices: Matrices,
  quadratic: Quadratic,
  start: Factors,
): Promise<Polished> {
  const work = new Polish(matrices, quadratic, start);
  try {
    await work.fitRow();
    return work.taken();
  } catch (error) {
    work[Symbol.dispose]();
    throw error;
  }
}

/** Factors that are being polished. */
class Polish implements Disposable {
  #left: Matrix;
  #right: Matrix;
  #scales: FactorScales;
  #objective = 0;
  /** Of R and c as they are; `null` once they have changed. */
  #products: RightProducts | null = null;

  constructor(readonly matrices: Matrices, readonly quadratic: Quadratic, start: Factors) {
    this.#left = start.left;
    this.#right = start.right;
    this.#scales = start.scales;
  }

  /** m, c and r, one after another. */
  async fitScales(): Promise<void> {
    await this.#fitMiddle();
    await this.#fitColumn();
    await this.fitRow();
  }

  /** The signs of L, then those of R. */
  async sweep(): Promise<void> {
    const right = await this.#rightProducts();
    const work = { matrices: this.matrices, quadratic: this.quadratic, scales: this.#scales };
    const left = await sweptLeft(work, this.#left, right);
    this.#left[Symbol.dispose]();
    this.#left = left;
    const swept = await sweptRight(work, this.#left, this.#right, right);
    this.#right[Symbol.dispose]();
    this.#right = swept;
    this.#forgetProducts();
  }

  taken(): Polished {
    this.#forgetProducts();
    const [left, right, scales] = [this.#left, this.#right, this.#scales];
    return {
      left,
      right,
      scales,
      objective: this.#objective,
      [Symbol.dispose]: () => this[Symbol.dispose](),
    };
  }

  [Symbol.dispose](): void {
    this.#forgetProducts();
    this.#left[Symbol.dispose]();
    this.#right[Symbol.dispose]();
  }

  #forgetProducts(): void {
    this.#products?.[Symbol.dispose]();
    this.#products = null;
  }

  async #rightProducts(): Promise<RightProducts> {
    return this.#products ??= await this.#newProducts();
  }

  async #newProducts(): Promise<RightProducts> {
    const { matrices, quadratic: { c, p } } = this;
    using stack = new DisposableStack();
    using column = await vector(this.matrices, this.#scales.column);
    const b = stack.use(await scaledRows(matrices, this.#right, column));
    const cb = stack.use(await matrices.product(c, b));
    const inner = stack.use(await matrices.product(b, cb, { transposeFirst: true }));
    const pb = stack.use(await productOfSlabs(matrices, p, b));
    const all = stack.move();
    return { b, cb, inner, pb, [Symbol.dispose]: () => all.dispose() };
  }

  async #fitMiddle(): Promise<void> {
    const { matrices } = this;
    const { b, cb, inner, pb } = await this.#rightProducts();
    const { row, middle } = this.#scales;
    using ofRow = await vector(this.matrices, row);
    using a = await scaledRows(matrices, this.#left, ofRow);
    using gram = await matrices.product(a, a, { transposeFirst: true });
    using system = await matrices.step("elementwise", [gram, inner], ([x, y]) => multiply(x, y));
    using target = await matrices.step("sums of columns of", [a, pb], columnSums);
    using squares = await matrices.step("sums of columns of", [b, cb], columnSums);
    const [curvatures] = await matrices.programs.engine.read([squares.placed]);
    const size = mean(curvatures) * row.reduce((sum, each) => sum + each * each, 0);
    const solved = await this.#solve(system, target, middle, size);
    this.#scales = { ...this.#scales, middle: solved.map(Math.abs) };
    this.#left = await this.#turned(this.#left, solved, "columns");
  }

  async #fitColumn(): Promise<void> {
    const { matrices, quadratic: { c, p, meanSquare } } = this;
    this.#forgetProducts();
    const { row, middle, column } = this.#scales;
    using ofRow = await vector(this.matrices, row);
    using ofMiddle = await vector(this.matrices, middle);
    using a = await scaledRows(matrices, this.#left, ofRow, ofMiddle);
    using m = await matrices.product(a, this.#right, { transposeSecond: true });
    using target = await sumOfSlabs(matrices, p, async ({ slab, range }) => {
      using rows = await matrices.part(m, { rows: range });
      return await matrices.step("sums of columns of", [rows, slab], columnSums);
    });
    using squares = await matrices.step("sums of columns of", [m, m], columnSums);
    using gram = await matrices.product(m, m, { transposeFirst: true });
    using system = await matrices.step("elementwise", [gram, c], ([x, y]) => multiply(x, y));
    const [sums] = await matrices.programs.engine.read([squares.placed]);
    const solved = await this.#solve(system, target, column, mean(sums) * meanSquare);
    this.#scales = { ...this.#scales, column: solved.map(Math.abs) };
    this.#right = await this.#turned(this.#right, solved, "rows");
  }

  /** r. */
  async fitRow(): Promise<void> {
    const { matrices } = this;
    const { inner, pb } = await this.#rightProducts();
    using ofMiddle = await vector(this.matrices, this.#scales.middle);
    using a = await matrices.step("scaled columns", [this.#left, ofMiddle], scaledColumns);
    using curved = await matrices.product(a, inner);
    using linear = await matrices.step("sums of rows of", [a, pb], rowSums);
    using square = await matrices.step("sums of rows of", [a, curved], rowSums);
    const [p, q] = await matrices.programs.engine.read([linear.placed, square.placed]);
    const solved = Float32Array.from(p, (each, at) => q[at] > 0 ? each / q[at] : 0);
    this.#objective = solved.reduce((sum, r, at) => sum + r * (r * q[at] - 2 * p[at]), 0);
    this.#scales = { ...this.#scales, row: solved.map(Math.abs) };
    this.#left = await this.#turned(this.#left, solved, "rows");
  }

  /** x of (H + εI)(x − x₀) = t − Hx₀, with H `[n, n]`, t `[1, n]` and ε a share of `size`. */
  async #solve(
    system: Matrix,
    target: Matrix,
    start: Float32Array,
    size: number,
  ): Promise<Float32Array> {
    if (!(size > 0)) return start;
    const { matrices, matrices: { programs, signal } } = this;
    using from = await vector(this.matrices, start);
    using residual = await matrices.subtracted(target, from, system);
    const ridge = RIDGE * size;
    using factor = await cholesky(programs, system.placed, system.rows, { ridge, signal });
    using step = owned(
      await choleskySolve(programs, factor, residual.placed, 1, signal),
      1,
      start.length,
    );
    const [moved] = await programs.engine.read([step.placed]);
    return start.map((each, at) => each + moved[at]);
  }

  /** Signs with those of a vector, which are turned where it is negative. */
  async #turned(
    signs: Matrix,
    scales: Float32Array,
    along: "rows" | "columns",
  ): Promise<Matrix> {
    if (scales.every((each) => each >= 0)) return signs;
    using before = signs;
    using of = await vector(this.matrices, scales.map((each) => each < 0 ? -1 : 1));
    return along === "rows"
      ? await scaledRows(this.matrices, before, of)
      : await this.matrices.step("scaled columns", [before, of], scaledColumns);
  }
}
