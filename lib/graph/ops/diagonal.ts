/** A multiple of the identity, added to a matrix or to some of its rows. */

import { makeValue, requireShapes, type Value } from "../graph.ts";

/**
 * x + ρI, where x `[rows, columns]` are rows of a square matrix, the first of them row `first`.
 *
 * @param ridge ρ, `[]`.
 * @throws {GraphError} if a square matrix of as many columns has no such rows.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const sum = ops.addDiagonal(input("x", [1, 2]), input("ridge", []), 1);
 * const program = await onnxEngine({ threads: 1 }).compile({ sum });
 * const feeds = { x: Float32Array.of(3, 4), ridge: Float32Array.of(10) };
 * assert.deepEqual([...(await program.run(feeds)).sum], [3, 14]);
 * await program.release();
 * ```
 */
export function addDiagonal(x: Value, ridge: Value, first: number = 0): Value {
  const [rows = 0, columns = 0] = x.shape;
  requireShapes(
    x.shape.length === 2 && x.type === "f32" && ridge.type === "f32" && ridge.shape.length === 0 &&
      Number.isInteger(first) && first >= 0 && first + rows <= columns,
    `addDiagonal from row ${first}`,
    [x, ridge],
    "rows of a square matrix, and a scalar",
  );
  return makeValue("addDiagonal", [x, ridge], x.shape, {
    attributes: { first },
    onnx: (builder, [x, ridge]) => {
      const identity = builder.node("EyeLike", [x], { k: first });
      return builder.node("Add", [x, builder.node("Mul", [identity, ridge])]);
    },
  });
}
