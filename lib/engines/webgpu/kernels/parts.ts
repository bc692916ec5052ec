/** Parts of matrices: cut out, and between zeros. */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { Shape } from "../../../graph/graph.ts";
import type { Kernel, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** Rows and columns of a matrix from a place on: those of a result `[rows, columns]`. */
export function submatrixKernel(
  x: Operand,
  shape: Shape,
  { row, column }: { readonly row: number; readonly column: number },
): Kernel {
  return elementKernel(elementCount(shape), {
    name: "submatrix",
    reads: { x },
    writes: { cut: { shape } },
    sizes: { width: x.shape[1], columns: shape[1], row, column },
    body: `
let begin = (i / sizes.columns + sizes.row) * sizes.width + sizes.column;
cut[i] = x_at(begin + i % sizes.columns);`,
  });
}

/** A matrix after `before` columns of zeros, and with as many behind it as the result has room for. */
export function padColumnsKernel(x: Operand, shape: Shape, before: number): Kernel {
  return elementKernel(elementCount(shape), {
    name: "padColumns",
    reads: { x },
    writes: { padded: { shape } },
    sizes: { width: x.shape[1], columns: shape[1], before },
    body: `
let column = i % sizes.columns - sizes.before;
let inside = min(column, sizes.width - 1u);
let found = x_at(i / sizes.columns * sizes.width + inside);
padded[i] = select(0.0, found, column < sizes.width);`,
  });
}

/** c − y, element by element. */
export function differenceOf(c: Operand, y: Operand): Kernel {
  return elementKernel(elementCount(c.shape), {
    name: "subtractProduct",
    reads: { c, y },
    writes: { left: { shape: c.shape } },
    body: "left[i] = c_at(i) - y_at(i);",
  });
}

/** x + ρI, where x begins with row `first` of a square matrix. */
export function addDiagonalKernel(x: Operand, ridge: Operand, first: number): Kernel {
  return elementKernel(elementCount(x.shape), {
    name: "addDiagonal",
    reads: { x, ridge },
    writes: { sum: { shape: x.shape } },
    sizes: { columns: x.shape[1], first },
    body: `
let onDiagonal = i / sizes.columns + sizes.first == i % sizes.columns;
sum[i] = x_at(i) + select(0.0, ridge_at(0u), onDiagonal);`,
  });
}
