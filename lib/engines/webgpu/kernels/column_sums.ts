/**
 * Sums over the rows of a matrix of any size, in stages of equal text: each workgroup adds up a block of
 * rows and leaves one row, until one row is left. Always in the same order, and nearly pairwise: an
 * invocation adds at most {@linkcode MOST_TERMS} numbers one after the other, so that the error grows
 * with the number of stages and not with that of rows.
 */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { Shape } from "../../../graph/graph.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { FLAT_GROUP, foldedGroups, WORKGROUP } from "./grid.ts";

/** Numbers that one invocation adds up. */
const MOST_TERMS = 32;

/**
 * Σ over the rows of x, `[rows, columns]` in any number of axes.
 *
 * @param shape of the result, of as many elements as there are columns.
 */
export function columnSums(builder: KernelBuilder, x: Operand, shape: Shape): Operand {
  const columns = elementCount(shape);
  const rows = elementCount(x.shape) / columns;
  let sums = x;
  for (let left = rows; left > 1 || sums === x;) {
    const width = Math.min(WORKGROUP, 2 ** Math.ceil(Math.log2(columns)));
    const blockRows = MOST_TERMS * WORKGROUP / width;
    const blocks = Math.ceil(left / blockRows);
    const written = blocks === 1 ? shape : [blocks, columns];
    [sums] = builder.dispatch(stage(sums, { rows: left, columns, width, blockRows }, written));
    left = blocks;
  }
  return sums;
}

interface StageSizes {
  [name: string]: number;
  rows: number;
  columns: number;
  /** Columns that a workgroup works on, a power of two; the other invocations share their rows. */
  width: number;
  blockRows: number;
}

function stage(x: Operand, sizes: StageSizes, shape: Shape): Kernel {
  const { rows, columns, width, blockRows } = sizes;
  return {
    name: "sumTo",
    reads: { x },
    writes: { sums: { shape } },
    sizes,
    workgroup: [WORKGROUP],
    groups: foldedGroups(Math.ceil(columns / width) * Math.ceil(rows / blockRows)),
    module: `var<workgroup> partial: array<f32, ${WORKGROUP}>;`,
    body: `
let tiles = (sizes.columns + sizes.width - 1u) / sizes.width;
let block = (${FLAT_GROUP}) / tiles;
if (block * sizes.blockRows >= sizes.rows) { return; }
let column = (${FLAT_GROUP}) % tiles * sizes.width + lane % sizes.width;
let end = min((block + 1u) * sizes.blockRows, sizes.rows);
var sum = 0.0;
if (column < sizes.columns) {
  for (
    var row = block * sizes.blockRows + lane / sizes.width;
    row < end;
    row += ${WORKGROUP}u / sizes.width
  ) {
    sum += x_at(row * sizes.columns + column);
  }
}
partial[lane] = sum;
workgroupBarrier();
for (var half = ${WORKGROUP / 2}u; half >= sizes.width; half >>= 1u) {
  if (lane < half) { partial[lane] += partial[lane + half]; }
  workgroupBarrier();
}
if (lane < sizes.width && column < sizes.columns) {
  sums[block * sizes.columns + column] = partial[lane];
}`,
  };
}
