/**
 * Scales of given signs that minimise J(Â) = tr(ÂCÂᵀ) − 2 tr(ÂPᵀ), Â = diag(r) S diag(c), each with the other fixed:
 *
 * - rᵢ = Σⱼ(M ∘ P)ᵢⱼ / Σⱼ(MC ∘ M)ᵢⱼ with M = S diag(c), at which J = −Σᵢ(Σⱼ(M ∘ P)ᵢⱼ)² / Σⱼ(MC ∘ M)ᵢⱼ;
 * - [(MᵀM) ∘ C] c = colsum(M ∘ P) with M = diag(r) S, nearly (`column_system.ts`).
 *
 * Neither makes J greater. Not here: which signs.
 */

import type { Value } from "../../graph/graph.ts";
import type { Matrices, Matrix } from "../../graph/linear_algebra/matrices.ts";
import { constant, multiply, reshape } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { concatenateColumns } from "../../graph/ops/parts.ts";
import { slabBySlab, slabsOf, type TallMatrix } from "../tall_matrix.ts";
import { ColumnSystem } from "./column_system.ts";
import { scaled, vector, type VectorScales } from "./scaled_signs_matrix.ts";

/** What is minimised over a layer. */
export interface SignObjective {
  /** C, `[in, in]`. */
  readonly c: Matrix;
  /** diag C. */
  readonly squares: Float32Array;
  /** P, `[out, in]`. */
  readonly p: TallMatrix;
  /** Of a row whose inputs are all zero, which J says nothing of. */
  readonly fallback: number;
}

/** Scales and J at them. */
export interface FittedScales {
  readonly scales: VectorScales;
  readonly objective: number;
}

/** Scales of rows, and what they were found by: S diag(c) C, `[out, in]`. */
export interface FittedRows extends FittedScales, Disposable {
  readonly products: TallMatrix;
}

/** Share of J by which another turn must lower it. */
const TOLERANCE = 1e-4;

/**
 * Fits columns and rows by turns, until J stands nearly still.
 *
 * @param from where rows were fitted last.
 * @param turns at most.
 */
export async function fitByTurns(
  matrices: Matrices,
  objective: SignObjective,
  signs: TallMatrix,
  from: FittedScales,
  turns: number,
): Promise<FittedScales> {
  let fitted = from;
  for (let turn = 0; turn < turns; turn++) {
    const { column } = await fitColumns(matrices, objective, signs, fitted.scales);
    const next = await fitRows(matrices, objective, signs, column);
    const gain = fitted.objective - next.objective;
    // In 32-bit floats nothing is won for ever.
    if (!(gain > 0)) break;
    fitted = next;
    if (gain < TOLERANCE * Math.abs(next.objective)) break;
  }
  return fitted;
}

/** r where J is least. */
export async function fitRows(
  matrices: Matrices,
  objective: SignObjective,
  signs: TallMatrix,
  column: Float32Array,
): Promise<FittedScales> {
  const sums: Float32Array[] = [];
  for (const { slab, at } of slabsOf(signs)) {
    using products = await columnProducts(matrices, objective.c, slab, column);
    sums.push(await rowSums(matrices, slab, column, objective.p.slabs[at], products));
  }
  return rowScales(sums, column, objective.fallback);
}

/** The same, and what it was found by, which says how J changes with each sign. */
export async function fitRowsWithProducts(
  matrices: Matrices,
  objective: SignObjective,
  signs: TallMatrix,
  column: Float32Array,
): Promise<FittedRows> {
  const sums: Float32Array[] = [];
  const products = await slabBySlab(signs, async ({ slab, at }) => {
    using stack = new DisposableStack();
    const made = stack.use(await columnProducts(matrices, objective.c, slab, column));
    sums.push(await rowSums(matrices, slab, column, objective.p.slabs[at], made));
    stack.move();
    return made;
  });
  const release = () => products[Symbol.dispose]();
  return { ...rowScales(sums, column, objective.fallback), products, [Symbol.dispose]: release };
}

/** S diag(c) C. */
async function columnProducts(
  matrices: Matrices,
  c: Matrix,
  signs: Matrix,
  column: Float32Array,
): Promise<Matrix> {
  using ofColumns = await vector(matrices, column);
  using m = await matrices.step("signs with columns", [signs, ofColumns], withColumns);
  return await matrices.product(m, c);
}

/** Σⱼ(M ∘ P)ᵢⱼ and Σⱼ(MC ∘ M)ᵢⱼ beside each other, `[out, 2]`. */
async function rowSums(
  matrices: Matrices,
  signs: Matrix,
  column: Float32Array,
  p: Matrix,
  products: Matrix,
): Promise<Float32Array> {
  using ofColumns = await vector(matrices, column);
  using sums = await matrices.step(
    "sums of rows",
    [signs, ofColumns, p, products],
    ([signs, columns, p, products]) => {
      const m = withColumns([signs, columns]);
      const ones = constant(new Float32Array(m.shape[1]).fill(1), [m.shape[1], 1]);
      const sums = (x: Value) => matmul(multiply(m, x), ones);
      return concatenateColumns([sums(p), sums(products)]);
    },
  );
  const [numbers] = await matrices.programs.engine.read([sums.placed]);
  return numbers as Float32Array;
}

function withColumns([signs, columns]: Value[]): Value {
  return multiply(signs, reshape(columns, [signs.shape[1]]));
}

/** Of the sums of each slab's rows. */
function rowScales(
  sums: readonly Float32Array[],
  column: Float32Array,
  fallback: number,
): FittedScales {
  const count = sums.reduce((sum, { length }) => sum + length / 2, 0);
  const row = new Float32Array(count);
  let [at, objective] = [0, 0];
  for (const numbers of sums) {
    for (let i = 0; i < numbers.length; i += 2) {
      const [product, square] = [numbers[i], numbers[i + 1]];
      row[at++] = square > 0 ? product / square : fallback;
      if (square > 0) objective -= product * product / square;
    }
  }
  return { scales: { row, column }, objective };
}

/** c with which J is less, or least. */
export async function fitColumns(
  matrices: Matrices,
  { c, squares, p }: SignObjective,
  signs: TallMatrix,
  { row, column }: VectorScales,
): Promise<VectorScales> {
  const size = row.reduce((sum, each) => sum + each * each, 0);
  const mean = size * squares.reduce((sum, each) => sum + each, 0) / squares.length;
  if (!(mean > 0)) return { row, column };
  // In units in which the diagonal is about 1, so that no square is too small for 32-bit floats.
  const unit = 1 / Math.sqrt(mean);
  using system = new ColumnSystem(matrices, c);
  using ones = await vector(matrices, new Float32Array(column.length).fill(1));
  for (const { slab, at, range } of slabsOf(signs)) {
    using ofRows = await vector(matrices, row.slice(...range).map((each) => each * unit));
    using m = await matrices.step("signs with scales", [slab, ofRows, ones], scaled);
    await system.add(m, p.slabs[at]);
  }
  const inverse = squares.map((each) => each > 0 ? mean / (size * each) : 0);
  // Of the system in those units x solves, r · c = (r · unit) · (c / unit).
  const x = await system.solved(column.map((each) => each / unit), inverse);
  return { row, column: x.map((each) => each * unit) };
}
