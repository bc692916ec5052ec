/** What an approximate solution of a linear system leaves of its right side, in double precision on the CPU. */

import { elementCount } from "../../checkpoint/tensor.ts";
import { makeBlock } from "../block_op.ts";
import { requireShapes, type Value } from "../graph.ts";

/**
 * b − (A + ρI) x in some rows of a system: `[1, rows]`. A block op: alone in its graph. Products and sums are in
 * double precision on the CPU and compensated on a GPU, for what is left is small beside what it is left of.
 *
 * @param a rows of A from `begin` on, `[rows, n]`
 * @param x `[1, n]`
 * @param b `[1, n]`
 * @param ridge ρ, of one element.
 * @throws {GraphError} if the shapes do not fit.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [x, b] = ["x", "b"].map((name) => input(name, [1, 2]));
 * const left = ops.residualBlock(input("a", [1, 2]), x, b, input("ridge", []), 1);
 * const program = await onnxEngine({ threads: 1 }).compile({ left });
 * const results = await program.run({
 *   a: Float32Array.of(2, 3),
 *   x: Float32Array.of(1, 1),
 *   b: Float32Array.of(0, 7),
 *   ridge: Float32Array.of(0.5),
 * });
 * assert.deepEqual([...results.left], [1.5]);
 * await program.release();
 * ```
 */
export function residualBlock(a: Value, x: Value, b: Value, ridge: Value, begin: number): Value {
  const operands = [a, x, b, ridge];
  const [rows, n] = a.shape;
  const isRow = ({ shape }: Value) => shape.length === 2 && shape[0] === 1 && shape[1] === n;
  requireShapes(
    operands.every(({ type }) => type === "f32") && a.shape.length === 2 && isRow(x) && isRow(b) &&
      elementCount(ridge.shape) === 1 && Number.isInteger(begin) && begin >= 0 &&
      begin + rows <= n,
    `residualBlock from ${begin}`,
    operands,
    "rows of a square matrix, two rows as wide, and one number",
  );
  return makeBlock("residualBlock", operands, [1, rows], { begin });
}
