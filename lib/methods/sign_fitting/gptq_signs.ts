/**
 * Signs found as GPTQ finds numbers (Frantar et al. 2022, algorithm 1): input by input, each sign with the scales at
 * hand, and what is wrong in it made good by the inputs after it; then scales are fitted, and the signs found again.
 * A round may end with a greater J than the one before: of all the least is kept.
 */

import { inverseCholesky } from "../../graph/linear_algebra/mod.ts";
import { type Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import { BLOCK_WIDTH } from "../../graph/ops/cholesky_block.ts";
import { gptqSignBlock } from "../../graph/ops/gptq_sign_block.ts";
import { submatrix, subtractProduct } from "../../graph/ops/parts.ts";
import type { Watch } from "../../util/progress.ts";
import { slabBySlab, type TallMatrix } from "../tall_matrix.ts";
import { fitByTurns, fitRows, type SignObjective } from "./fit_scales.ts";
import { vector, type VectorScales } from "./scaled_signs_matrix.ts";
import type { FittedSigns, MaskTask } from "./start.ts";

/** Share of the inputs' mean square that is added to C. */
const DAMPING = 0.01;

/** Turns of fitting rows and columns at most, in a round and for the signs that are kept. */
const TURNS = { round: 3, kept: 10 };

/**
 * ‖Â‖² at most, in units of the start's: where C is singular, what a row makes of all inputs may be a sum of nearly
 * nothing, whose scale and J 32-bit floats do not tell.
 */
const LARGEST_SQUARE = 100;

/** U, upper, of (C + δI)⁻¹ = UᵀU, `[in, in]`. */
export async function inverseFactor(
  { programs, signal }: Matrices,
  { c, squares }: Pick<SignObjective, "c" | "squares">,
): Promise<Matrix> {
  const meanSquare = squares.reduce((sum, each) => sum + each, 0) / squares.length;
  // Inputs that are all zero: each sign by itself.
  const ridge = meanSquare > 0 ? DAMPING * meanSquare : 1;
  const factor = await inverseCholesky(programs, c.placed, c.rows, { ridge, signal });
  return owned(factor, c.rows, c.columns);
}

/**
 * Rounds of signs and scales.
 *
 * @param factor U.
 * @param start is disposed of; J of what is returned is no greater than with its signs and scales fitted to them.
 */
export async function gptqSigns(
  matrices: Matrices,
  task: MaskTask,
  factor: Matrix,
  start: FittedSigns,
  rounds: number,
  watch: Watch = {},
): Promise<FittedSigns> {
  let best = start;
  try {
    best = { ...best, ...await fitByTurns(matrices, task, best.signs, best, TURNS.round) };
    let { scales } = best;
    const limit = LARGEST_SQUARE * squareOf(scales);
    for (let round = 0; round < rounds; round++) {
      const signs = await signsAlong(matrices, task.aim, factor, scales);
      using unused = new DisposableStack();
      unused.use(signs);
      const first = await fitRows(matrices, task, signs, scales.column);
      const next = await fitByTurns(matrices, task, signs, first, TURNS.round);
      watch.onProgress?.({ done: round + 1, total: rounds, label: "round" });
      scales = next.scales;
      if (!(next.objective < best.objective) || squareOf(scales) > limit) continue;
      unused.move();
      best[Symbol.dispose]();
      best = { ...next, signs, [Symbol.dispose]: () => signs[Symbol.dispose]() };
    }
    return { ...best, ...await fitByTurns(matrices, task, best.signs, best, TURNS.kept) };
  } catch (error) {
    best[Symbol.dispose]();
    throw error;
  }
}

/** Signs for D with scales as they are, `[out, in]`. */
export function signsAlong(
  matrices: Matrices,
  aim: TallMatrix,
  factor: Matrix,
  { row, column }: VectorScales,
): Promise<TallMatrix> {
  return slabBySlab(
    aim,
    ({ slab, range }) => signsOf(matrices, slab, factor, { row: row.slice(...range), column }),
  );
}

async function signsOf(
  matrices: Matrices,
  aim: Matrix,
  factor: Matrix,
  { row, column }: VectorScales,
): Promise<Matrix> {
  using ofRows = await vector(matrices, row);
  using pieces = new DisposableStack();
  const found: Matrix[] = [];
  let left = aim;
  try {
    for (let begin = 0; begin < aim.columns; begin += BLOCK_WIDTH) {
      const end = Math.min(begin + BLOCK_WIDTH, aim.columns);
      using both = await block(matrices, left, factor, ofRows, column.subarray(begin, end), begin);
      found.push(pieces.use(await matrices.part(both, { rows: [0, aim.rows] })));
      if (end === aim.columns) break;
      const next = await rest(matrices, left, factor, both, begin);
      if (left !== aim) left[Symbol.dispose]();
      left = next;
    }
  } finally {
    if (left !== aim) left[Symbol.dispose]();
  }
  return await matrices.beside(...found);
}

/** Signs, and what is wrong below them, of the first columns of what is left. */
async function block(
  matrices: Matrices,
  left: Matrix,
  factor: Matrix,
  row: Matrix,
  scales: Float32Array,
  begin: number,
): Promise<Matrix> {
  const width = scales.length;
  using values = await matrices.part(left, { columns: [0, width] });
  const range = [begin, begin + width] as const;
  using own = await matrices.part(factor, { rows: range, columns: range });
  using column = await vector(matrices, scales);
  return await matrices.step(
    "signs along a block",
    [values, own, row, column],
    ([values, factor, row, column]) => gptqSignBlock(values, factor, row, column),
  );
}

/** The columns after a block, with what was wrong in it made good. */
function rest(
  matrices: Matrices,
  left: Matrix,
  factor: Matrix,
  both: Matrix,
  begin: number,
): Promise<Matrix> {
  const { rows, columns: width } = both;
  const end = begin + width;
  return matrices.step(
    `columns after ${end}`,
    [left, factor, both],
    ([left, factor, both]) =>
      subtractProduct(
        submatrix(left, { columns: [width, left.shape[1]] }),
        submatrix(both, { rows: [rows / 2, rows] }),
        submatrix(factor, { rows: [begin, end], columns: [end, factor.shape[0]] }),
      ),
  );
}

/** ‖Â‖², in Frobenius' norm. */
function squareOf({ row, column }: VectorScales): number {
  const square = (vector: Float32Array) => vector.reduce((sum, each) => sum + each * each, 0);
  return square(row) * square(column);
}
