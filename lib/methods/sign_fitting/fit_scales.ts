/**
 * Scales of given signs that minimise J(Â) = tr(ÂCÂᵀ) − 2 tr(ÂPᵀ), Â = diag(r) S diag(c), each with the other fixed:
 *
 * - rᵢ = Σⱼ(M ∘ P)ᵢⱼ / Σⱼ(MC ∘ M)ᵢⱼ with M = S diag(c), at which J = −Σᵢ(Σⱼ(M ∘ P)ᵢⱼ)² / Σⱼ(MC ∘ M)ᵢⱼ;
 * - [(MᵀM) ∘ C] c = colsum(M ∘ P) with M = diag(r) S: its diagonal outweighs the rest, as different columns of signs
 *   agree about as often as not, so that conjugate gradients from where c was come near to it in a few steps.
 *
 * Neither makes J greater. Not here: which signs.
 */

import type { Value } from "../../graph/graph.ts";
import type { Matrices, Matrix } from "../../graph/linear_algebra/matrices.ts";
import {
  add,
  constant,
  divide,
  multiply,
  reshape,
  subtract,
  sumTo,
} from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import { concatenateColumns } from "../../graph/ops/parts.ts";
import { scaled, vector, type VectorScales } from "./scaled_signs_matrix.ts";

/** What is minimised over a layer. */
export interface SignObjective {
  /** C, `[in, in]`. */
  readonly c: Matrix;
  /** diag C. */
  readonly squares: Float32Array;
  /** P, `[out, in]`. */
  readonly p: Matrix;
  /** Of a row whose inputs are all zero, which J says nothing of. */
  readonly fallback: number;
}

/** Scales and J at them. */
export interface FittedScales {
  readonly scales: VectorScales;
  readonly objective: number;
}

/** Share of J by which another turn must lower it. */
const TOLERANCE = 1e-4;

/** Steps of conjugate gradients. */
const STEPS = 24;

/** Less than any square that is not zero in effect. */
const TINY = 1e-30;

/**
 * Fits columns and rows by turns, until J stands nearly still.
 *
 * @param from where rows were fitted last.
 * @param turns at most.
 */
export async function fitByTurns(
  matrices: Matrices,
  objective: SignObjective,
  signs: Matrix,
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
  { c, p, fallback }: SignObjective,
  signs: Matrix,
  column: Float32Array,
): Promise<FittedScales> {
  using ofColumns = await vector(matrices, column);
  using sums = await matrices.step("sums of rows", [signs, ofColumns, p, c], rowProducts);
  const [numbers] = await matrices.programs.engine.read([sums.placed]);
  const row = new Float32Array(signs.rows);
  let objective = 0;
  for (let at = 0; at < row.length; at++) {
    const [product, square] = numbers.subarray(2 * at);
    row[at] = square > 0 ? product / square : fallback;
    if (square > 0) objective -= product * product / square;
  }
  return { scales: { row, column }, objective };
}

/** Σⱼ(M ∘ P)ᵢⱼ and Σⱼ(MC ∘ M)ᵢⱼ beside each other, `[out, 2]`. */
function rowProducts([signs, columns, p, c]: Value[]): Value {
  const width = signs.shape[1];
  const m = multiply(signs, reshape(columns, [width]));
  const ones = constant(new Float32Array(width).fill(1), [width, 1]);
  const sums = (x: Value) => matmul(multiply(m, x), ones);
  return concatenateColumns([sums(p), sums(matmul(m, c))]);
}

/** c with which J is less, or least. */
export async function fitColumns(
  matrices: Matrices,
  { c, squares, p }: SignObjective,
  signs: Matrix,
  { row, column }: VectorScales,
): Promise<VectorScales> {
  const size = row.reduce((sum, each) => sum + each * each, 0);
  const mean = size * squares.reduce((sum, each) => sum + each, 0) / squares.length;
  if (!(mean > 0)) return { row, column };
  // In units in which the diagonal is about 1, so that no square is too small for 32-bit floats.
  const unit = 1 / Math.sqrt(mean);
  using ofRows = await vector(matrices, row.map((each) => each * unit));
  using ones = await vector(matrices, new Float32Array(column.length).fill(1));
  using m = await matrices.step("signs with scales", [signs, ofRows, ones], scaled);
  using system = await matrices.step(
    "system of columns",
    [m, c],
    ([m, c]) => multiply(matmul(m, m, { transposeFirst: true }), c),
  );
  using target = await matrices.step("sums of columns", [m, p], columnSums);
  const inverse = squares.map((each) => each > 0 ? mean / (size * each) : 0);
  using preconditioner = await vector(matrices, inverse);
  const before = column.map((each) => each / unit);
  using start = await vector(matrices, before);
  using found = await matrices.step(
    "conjugate gradients",
    [system, target, start, preconditioner],
    conjugateGradients,
  );
  // Of the system in those units x solves, r · c = (r · unit) · (c / unit).
  const [x] = await matrices.programs.engine.read([found.placed]);
  return { row, column: Float32Array.from(x, (each) => each * unit) };
}

function columnSums([x, y]: Value[]): Value {
  const width = x.shape[1];
  return reshape(sumTo(multiply(x, y), [width]), [1, width]);
}

/** x of x · H = t from a start, `[1, n]`, by steps of conjugate gradients with a diagonal preconditioner. */
function conjugateGradients([system, target, start, preconditioner]: Value[]): Value {
  const dot = (a: Value, b: Value) => matmul(a, b, { transposeSecond: true });
  const tiny = constant(Float32Array.of(TINY), [1, 1]);
  const ratio = (a: Value, b: Value) => divide(a, add(b, tiny));
  const times = (factor: Value, x: Value) => matmul(factor, x);
  let x = start;
  let left = subtract(target, matmul(start, system));
  let weighed = multiply(left, preconditioner);
  let direction = weighed;
  let square = dot(left, weighed);
  for (let step = 0; step < STEPS; step++) {
    const turned = matmul(direction, system);
    const length = ratio(square, dot(direction, turned));
    x = add(x, times(length, direction));
    left = subtract(left, times(length, turned));
    weighed = multiply(left, preconditioner);
    const next = dot(left, weighed);
    direction = add(weighed, times(ratio(next, square), direction));
    square = next;
  }
  return x;
}
