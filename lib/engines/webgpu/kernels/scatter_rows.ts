/**
 * The sum of rows by index, always in the order of the rows, without atomics: indices become linked
 * lists, one for each row of the result, and each element of the result follows its own.
 */

import { elementCount, type Shape } from "../../../graph/graph.ts";
import type { KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/**
 * y[r] = Σ x[t] over all t with indices[t] = r.
 *
 * @param x `[tokens, columns]`
 * @param indices i32 `[tokens]`; one beyond the result's rows adds to none.
 * @param shape `[rows, columns]`
 */
export function scatterRowSums(
  builder: KernelBuilder,
  x: Operand,
  indices: Operand,
  shape: Shape,
): Operand {
  const [rows, columns] = shape;
  const sizes = { rows, columns, tokens: indices.shape[0] };
  // links[r]: the first token of row r. links[rows + t]: the next token after t of t's row.
  const [links] = builder.dispatch(elementKernel(rows + sizes.tokens, {
    name: "scatterRowsLinks",
    reads: { indices },
    writes: { links: { shape: [rows + sizes.tokens], type: "i32" } },
    sizes,
    body: `
var row = i;
var token = 0u;
if (i >= sizes.rows) {
  row = bitcast<u32>(indices[i - sizes.rows]);
  token = i - sizes.rows + 1u;
}
while (token < sizes.tokens && bitcast<u32>(indices[token]) != row) { token++; }
links[i] = i32(token);`,
  }));
  const [sums] = builder.dispatch(elementKernel(elementCount(shape), {
    name: "scatterRows",
    reads: { x, links },
    writes: { sums: { shape } },
    sizes,
    body: `
let row = i / sizes.columns;
let column = i % sizes.columns;
var sum = 0.0;
var token = u32(links[row]);
while (token < sizes.tokens) {
  sum += x_at(token * sizes.columns + column);
  token = u32(links[sizes.rows + token]);
}
sums[i] = sum;`,
  }));
  return sums;
}
