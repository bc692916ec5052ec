/** What a layer's objective aims at, as a delta, and the mean squares of its inputs. */

import { cholesky, choleskySolve } from "../graph/linear_algebra/mod.ts";
import { borrowed, type Matrices, type Matrix, owned } from "../graph/linear_algebra/matrices.ts";
import { multiply, reshape, sumTo } from "../graph/ops/elementwise.ts";
import type { Placed } from "../graph/placed.ts";
import { slabBySlab, tall, type TallMatrix } from "./tall_matrix.ts";

/** Share of the mean square that is added where D = PC⁻¹ is solved for, so that C may be singular. */
const RIDGE = 1e-5;

/** Mean squares of inputs X, and a ridge: diag C, `[in]`. */
export async function meanSquares(
  matrices: Matrices,
  x: Placed,
  inSize: number,
  ridge: number,
): Promise<Float32Array> {
  const rows = x.length / inSize;
  using sums = await matrices.step(
    "sums of squares",
    [borrowed(x, rows, inSize)],
    ([x]) => reshape(sumTo(multiply(x, x), [inSize]), [1, inSize]),
  );
  const [squares] = await matrices.programs.engine.read([sums.placed]);
  return Float32Array.from(squares, (each) => each / rows + ridge);
}

/** D = PC⁻¹, `[out, in]`; P itself where all inputs are zero. */
export async function aimedAt(
  matrices: Matrices,
  c: Matrix,
  p: TallMatrix,
  squares: Float32Array,
): Promise<TallMatrix> {
  const { programs, signal } = matrices;
  const ridge = RIDGE * squares.reduce((sum, each) => sum + each, 0) / squares.length;
  if (!(ridge > 0)) {
    return tall(p.slabs.map(({ placed, rows, columns }) => borrowed(placed, rows, columns)));
  }
  using factor = await cholesky(programs, c.placed, c.rows, { ridge, signal });
  return await slabBySlab(p, async ({ slab: { placed, rows, columns } }) => {
    return owned(await choleskySolve(programs, factor, placed, rows, signal), rows, columns);
  });
}
