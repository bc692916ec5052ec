/** Steps that polishing factors takes again and again: scaled signs, and sums of products of elements. */

import type { Value } from "../../graph/graph.ts";
import { type Matrices, type Matrix, owned } from "../../graph/linear_algebra/matrices.ts";
import { constant, multiply, reshape, sumTo } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";

/** diag(rows) x diag(columns), `[rows, columns]`. */
export function scaledRows(
  matrices: Matrices,
  x: Matrix,
  rows: Matrix,
  columns?: Matrix,
): Promise<Matrix> {
  const operands = [x, rows, ...columns ? [columns] : []];
  return matrices.step("scaled rows", operands, ([x, rows, columns]) => {
    const ones = constant(new Float32Array(x.shape[1]).fill(1), [1, x.shape[1]]);
    return multiply(x, matmul(rows, columns ?? ones, { transposeFirst: true }));
  });
}

/** x diag(columns). */
export function scaledColumns([x, columns]: Value[]): Value {
  return multiply(x, reshape(columns, [x.shape[1]]));
}

/** diag(v) x diag(v). */
export function scaledBoth([x, vector]: Value[]): Value {
  return multiply(x, matmul(vector, vector, { transposeFirst: true }));
}

/** Sums of the columns of x ∘ y, `[1, columns]`. */
export function columnSums([x, y]: Value[]): Value {
  return reshape(sumTo(multiply(x, y), [x.shape[1]]), [1, x.shape[1]]);
}

/** Sums of the rows of x ∘ y, `[rows, 1]`. */
export function rowSums([x, y]: Value[]): Value {
  const ones = constant(new Float32Array(x.shape[1]).fill(1), [x.shape[1], 1]);
  return matmul(multiply(x, y), ones);
}

/** Their mean. */
export function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, each) => sum + each, 0) / values.length;
}

/** Numbers as a row. */
export async function vector({ programs }: Matrices, values: Float32Array): Promise<Matrix> {
  return owned(await programs.engine.place(values), 1, values.length);
}
