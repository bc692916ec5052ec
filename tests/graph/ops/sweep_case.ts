/** Matrices of signs times numbers, and quadratics that a sweep over their signs lowers. */

import { SeededRandom } from "../../../lib/util/random.ts";
import {
  identity,
  type Matrix,
  matrixOf,
  product,
  secondMoments,
} from "../linear_algebra/plain.ts";

/** V, of which some are zero, K, C, P and g = P − CVK. */
export function sweepCase(rows: number, width: number, isCoupled: boolean): Record<
  "values" | "target" | "inner" | "outer" | "gradient",
  Matrix
> {
  const random = new SeededRandom(100 * rows + width);
  const round = (matrix: Matrix) => matrix.map((row) => row.map(Math.fround));
  const inner = round(secondMoments(width, width));
  const outer = isCoupled ? round(secondMoments(rows, rows + 1)) : identity(rows);
  const draw = () =>
    matrixOf(Array.from({ length: rows * width }, () => random.integer(9) / 4 - 1), rows, width);
  const values = draw();
  const target = product(product(outer, draw()), inner);
  const curved = product(product(outer, values), inner);
  const gradient = target.map((row, l) => row.map((value, j) => value - curved[l][j]));
  return { values, target, inner, outer, gradient };
}
