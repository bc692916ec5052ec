/**
 * The signs of double binary factors by coordinate descent on J, one factor with the other and all scales fixed: a
 * sign is turned where that lowers J, see the op `signSweep`.
 */

import type { Matrices, Matrix } from "../../graph/linear_algebra/matrices.ts";
import { multiply } from "../../graph/ops/elementwise.ts";
import { sign } from "../../graph/ops/signs.ts";
import { signSweep } from "../../graph/ops/sign_sweep.ts";
import { type TallMatrix, transposedProductOfSlabs } from "../tall_matrix.ts";
import type { FactorScales } from "./factors.ts";
import { scaledBoth, scaledColumns, scaledRows, vector } from "./steps.ts";

/** What is minimised: J(Â) = tr(ÂCÂᵀ) − 2 tr(ÂPᵀ). */
export interface Quadratic {
  /** C, `[in, in]`. */
  readonly c: Matrix;
  /** P, `[out, in]`. */
  readonly p: TallMatrix;
  /** Mean of C's diagonal. */
  readonly meanSquare: number;
}

/** Times that a row of L is gone through; R is gone through once, as products of the whole lie between its rows. */
const PASSES = 3;

/** Rows of R that are swept at once, between products. */
const BLOCK = 128;

/** Numbers of rows of L that are swept at once. */
const SLAB = 2 ** 22;

/** What R and c make of C and P: `[in, k]`, `[k, k]` and `[out, k]`. */
export interface RightProducts extends Disposable {
  /** B = diag(c) R. */
  readonly b: Matrix;
  /** CB. */
  readonly cb: Matrix;
  /** BᵀCB. */
  readonly inner: Matrix;
  /** PB. */
  readonly pb: Matrix;
}

/** What sweeps work with. */
export interface SweepWork {
  readonly matrices: Matrices;
  readonly quadratic: Quadratic;
  readonly scales: FactorScales;
}

/** L with its signs swept, given r, m and what R and c make of C and P. */
export async function sweptLeft(
  { matrices, scales }: SweepWork,
  left: Matrix,
  { inner, pb }: RightProducts,
): Promise<Matrix> {
  using ofRow = await vector(matrices, scales.row);
  using ofMiddle = await vector(matrices, scales.middle);
  using a = await scaledRows(matrices, left, ofRow);
  using curvature = await matrices.step("scaled both ways", [inner, ofMiddle], scaledBoth);
  using linear = await matrices.step("scaled columns", [pb, ofMiddle], scaledColumns);
  using gradient = await matrices.subtracted(linear, a, curvature);
  const { rows, columns } = a;
  const height = Math.max(1, Math.floor(SLAB / columns));
  using stack = new DisposableStack();
  const pieces: Matrix[] = [];
  for (let begin = 0; begin < rows; begin += height) {
    const part = { rows: [begin, Math.min(rows, begin + height)] } as const;
    using values = await matrices.part(a, part);
    using ofValues = await matrices.part(gradient, part);
    using swept = await matrices.step(
      `sweep of ${PASSES} over signs`,
      [values, ofValues, curvature],
      ([v, g, k]) => signSweep(v, g, k, null, { passes: PASSES }),
    );
    pieces.push(stack.use(await matrices.part(swept, { rows: [0, values.rows] })));
  }
  using swept = await matrices.below(...pieces);
  return await agreeing(matrices, left, a, swept);
}

/** R with its signs swept, given all scales and L; C couples its rows. */
export async function sweptRight(
  { matrices, quadratic: { c, p }, scales: { row, middle } }: SweepWork,
  left: Matrix,
  right: Matrix,
  { b, cb }: RightProducts,
): Promise<Matrix> {
  using ofRow = await vector(matrices, row);
  using ofMiddle = await vector(matrices, middle);
  using a = await scaledRows(matrices, left, ofRow, ofMiddle);
  using curvature = await matrices.product(a, a, { transposeFirst: true });
  using linear = await transposedProductOfSlabs(matrices, p, a);
  let gradient = await matrices.subtracted(linear, cb, curvature);
  try {
    using stack = new DisposableStack();
    const pieces: Matrix[] = [];
    for (let begin = 0; begin < b.rows; begin += BLOCK) {
      const rows = [begin, Math.min(b.rows, begin + BLOCK)] as const;
      using ofC = await matrices.part(c, { rows });
      using coupling = await matrices.part(ofC, { columns: rows });
      using ofValues = await matrices.part(b, { rows });
      using ofGradient = await matrices.part(gradient, { rows });
      using swept = await matrices.step(
        "sweep over coupled signs",
        [ofValues, ofGradient, curvature, coupling],
        ([v, g, k, c]) => signSweep(v, g, k, c, { passes: 1 }),
      );
      const height = rows[1] - begin;
      pieces.push(stack.use(await matrices.part(swept, { rows: [0, height] })));
      if (rows[1] === b.rows) break;
      using steps = await matrices.part(swept, { rows: [height, 2 * height] });
      using before = gradient;
      gradient = await matrices.subtracted(before, ofC, steps, { transposeFirst: true });
    }
    using swept = await matrices.below(...pieces);
    return await agreeing(matrices, right, b, swept);
  } finally {
    gradient[Symbol.dispose]();
  }
}

/** Signs that are turned where a number was: those of numbers that are zero stay. */
function agreeing(
  matrices: Matrices,
  signs: Matrix,
  before: Matrix,
  after: Matrix,
): Promise<Matrix> {
  return matrices.step(
    "signs of what turned",
    [signs, before, after],
    ([signs, before, after]) => multiply(signs, sign(multiply(before, after), 1)),
  );
}
