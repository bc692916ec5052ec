/** argmax of each row, the lowest column on a tie: one workgroup a row. */

import type { KernelBuilder, Operand } from "../kernel.ts";
import { rowKernel, WORKGROUP } from "./grid.ts";
import { workgroupFirst, workgroupMax } from "./workgroup_reduce.ts";

/** i32 `[rows]` of logits `[rows, columns]`. */
export function firstLargest(builder: KernelBuilder, logits: Operand): Operand[] {
  const [rows, columns] = logits.shape;
  return builder.dispatch(rowKernel(rows, {
    name: "argmax",
    reads: { logits },
    writes: { tokens: { shape: [rows], type: "i32" } },
    sizes: { columns },
    module: workgroupMax(builder.features) + workgroupFirst(builder.features),
    // Invocations beyond the columns repeat the last one, which changes no result.
    body: `
let start = row * sizes.columns;
var first = min(lane, sizes.columns - 1u);
var largest = logits_at(start + first);
for (var column = lane + ${WORKGROUP}u; column < sizes.columns; column += ${WORKGROUP}u) {
  let logit = logits_at(start + column);
  if (logit > largest) {
    largest = logit;
    first = column;
  }
}
let all = workgroupMax(largest, lane);
let found = workgroupFirst(select(sizes.columns, first, largest == all), lane);
if (lane == 0u) { tokens[row] = i32(found); }`,
  }));
}
