/**
 * Cholesky's factor of a small matrix and its inverse, in one workgroup: an invocation a row of the factor, column by
 * column, then one a column of the inverse.
 */

import { BLOCK_WIDTH } from "../../../graph/ops/cholesky_block.ts";
import type { Kernel, Operand } from "../kernel.ts";

/** L, L⁻¹ and the pivots of A and a ridge below each other; see the op `choleskyBlock`. */
export function choleskyBlockKernel(a: Operand, ridge: Operand, upper: boolean): Kernel {
  const [n] = a.shape;
  return {
    name: "choleskyBlock",
    reads: { a, ridge },
    writes: { y: { shape: [2 * n + 1, n] } },
    sizes: { n, upper: Number(upper) },
    workgroup: [BLOCK_WIDTH],
    groups: [1],
    module: `
var<workgroup> column: array<f32, ${BLOCK_WIDTH}>;
// An upper factor is a lower one that is read and written from its end.
fn place(row: u32, col: u32) -> u32 {
  let at = row * sizes.n + col;
  return select(at, sizes.n * sizes.n - 1u - at, sizes.upper == 1u);
}`,
    body: `
let n = sizes.n;
let inverse = n * n;
for (var at = lane; at < 2u * n * n; at += ${BLOCK_WIDTH}u) { y[at] = 0.0; }
storageBarrier();
for (var j = 0u; j < n; j++) {
  if (lane >= j && lane < n) {
    var sum = a_at(place(lane, j)) + select(0.0, ridge_at(0u), lane == j);
    for (var k = 0u; k < j; k++) { sum -= y[place(lane, k)] * y[place(j, k)]; }
    column[lane] = sum;
  }
  workgroupBarrier();
  let pivot = column[j];
  let root = sqrt(select(1.0, pivot, pivot > 0.0));
  if (lane == j) {
    y[2u * n * n + select(j, n - 1u - j, sizes.upper == 1u)] = pivot;
    y[place(j, j)] = root;
  } else if (lane > j && lane < n) {
    y[place(lane, j)] = select(0.0, column[lane] / root, pivot > 0.0);
  }
  storageBarrier();
  workgroupBarrier();
}
if (lane < n) {
  for (var i = lane; i < n; i++) {
    var sum = select(0.0, 1.0, i == lane);
    for (var k = lane; k < i; k++) { sum -= y[place(i, k)] * y[inverse + place(k, lane)]; }
    y[inverse + place(i, lane)] = sum / y[place(i, i)];
  }
}`,
  };
}
