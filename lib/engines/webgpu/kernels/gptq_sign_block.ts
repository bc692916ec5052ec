/** GPTQ over a block of inputs to signs with given scales, an output an invocation: see the op `gptqSignBlock`. */

import { BLOCK_WIDTH } from "../../../graph/ops/cholesky_block.ts";
import type { Kernel, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** Signs, and errors below them. */
export function gptqSignBlockKernel(operands: readonly Operand[]): Kernel {
  const [values, factor, row, column] = operands;
  const [rows, width] = values.shape;
  return elementKernel(rows, {
    name: "gptqSignBlock",
    reads: { values, factor, row, column },
    writes: { result: { shape: [2 * rows, width] } },
    sizes: { rows, width },
    body: `
var d: array<f32, ${BLOCK_WIDTH}>;
for (var j = 0u; j < sizes.width; j++) { d[j] = values_at(i * sizes.width + j); }
for (var j = 0u; j < sizes.width; j++) {
  let size = row_at(i) * column_at(j);
  let chosen = select(1.0, -1.0, sign(d[j]) * sign(size) < 0.0);
  let wrong = (d[j] - chosen * size) / factor_at(j * sizes.width + j);
  result[i * sizes.width + j] = chosen;
  result[(sizes.rows + i) * sizes.width + j] = wrong;
  for (var k = j + 1u; k < sizes.width; k++) {
    d[k] -= wrong * factor_at(j * sizes.width + k);
  }
}`,
  });
}
