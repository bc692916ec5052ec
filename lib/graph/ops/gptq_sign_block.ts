/** Signs with given scales for a block of inputs one after another, what is wrong in each made good by those after it. */

import { makeBlock } from "../block_op.ts";
import { requireShapes, type Value } from "../graph.ts";
import { BLOCK_WIDTH } from "./cholesky_block.ts";

/**
 * GPTQ over a block (Frantar et al. 2022, algorithm 1) whose grid has two points: column by column d, of which row i
 * becomes s rᵢ cⱼ with the sign s of dᵢ rᵢ cⱼ, a zero's +1, leaves e = (d − s r cⱼ) / Uⱼⱼ, and each column k after it
 * becomes dₖ − Uⱼₖ e. `[2 · rows, width]`: s, and e below it. A block op: alone in its graph.
 *
 * @param values D, `[rows, width]`.
 * @param factor U, `[width, width]`, upper, of the inverse of the inputs' second moments.
 * @param row r, `[1, rows]`.
 * @param column c, `[1, width]`.
 * @throws {GraphError} if shapes do not fit, or there are more than {@linkcode BLOCK_WIDTH} columns.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [values, column] = ["values", "column"].map((name) => input(name, [1, 2]));
 * const [factor, row] = [input("factor", [2, 2]), input("row", [1, 1])];
 * const signs = ops.gptqSignBlock(values, factor, row, column);
 * const program = await onnxEngine({ threads: 1 }).compile({ signs });
 * const results = await program.run({
 *   values: Float32Array.of(1.5, 0.25),
 *   factor: Float32Array.of(1, 1, 0, 1),
 *   row: Float32Array.of(1),
 *   column: Float32Array.of(1, 1),
 * });
 * // 0.5 is wrong in the first, and is taken off the second.
 * assert.deepEqual([...results.signs], [1, -1, 0.5, 0.75]);
 * await program.release();
 * ```
 */
export function gptqSignBlock(values: Value, factor: Value, row: Value, column: Value): Value {
  const [rows, width] = values.shape;
  const operands = [values, factor, row, column];
  const shapes = [[rows, width], [width, width], [1, rows], [1, width]];
  requireShapes(
    values.shape.length === 2 && width <= BLOCK_WIDTH &&
      operands.every(({ shape, type }, at) => `${shape}` === `${shapes[at]}` && type === "f32"),
    "gptqSignBlock",
    operands,
    `D [rows, width] of ${BLOCK_WIDTH} columns at most, U [width, width], r [1, rows], c [1, width]`,
  );
  return makeBlock("gptqSignBlock", operands, [2 * rows, width]);
}
