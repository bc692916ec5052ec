/** The factor of a small symmetric matrix, its inverse and its pivots, in double precision on the CPU. */

import { elementCount } from "../../checkpoint/tensor.ts";
import { makeBlock } from "../block_op.ts";
import { requireShapes, type Value } from "../graph.ts";

/** Rows of a block at most: a workgroup of a GPU has an invocation for each. */
export const BLOCK_WIDTH = 128;

/** Which factor. */
export interface CholeskyBlockOptions {
  /** A + ρI = R Rᵀ with R upper, in the place of L Lᵀ. */
  upper?: boolean;
}

/**
 * A + ρI = L Lᵀ of a symmetric matrix `[n, n]`: `[2n + 1, n]`, which are L, L⁻¹ and the pivots Lᵢᵢ² below each other.
 * Of A the lower half is read, of an upper factor the upper half. A block op: alone in its graph.
 *
 * A pivot that is not positive stands among the pivots as it was found, and as 1 with nothing below in L, so that
 * all numbers are finite: whoever reads the pivots knows.
 *
 * @param ridge ρ, of one element.
 * @throws {GraphError} if A is not square or wider than {@linkcode BLOCK_WIDTH}.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const factor = ops.choleskyBlock(input("a", [2, 2]), input("ridge", []));
 * const program = await onnxEngine({ threads: 1 }).compile({ factor });
 * const results = await program.run({
 *   a: Float32Array.of(3, 2, 2, 4),
 *   ridge: Float32Array.of(1),
 * });
 * assert.deepEqual([...results.factor], [2, 0, 1, 2, 0.5, 0, -0.25, 0.5, 4, 4]);
 * await program.release();
 * ```
 */
export function choleskyBlock(
  a: Value,
  ridge: Value,
  { upper = false }: CholeskyBlockOptions = {},
): Value {
  const [rows, columns] = a.shape;
  requireShapes(
    a.shape.length === 2 && rows === columns && rows >= 1 && rows <= BLOCK_WIDTH &&
      a.type === "f32" && elementCount(ridge.shape) === 1 && ridge.type === "f32",
    "choleskyBlock",
    [a, ridge],
    `a square matrix of ${BLOCK_WIDTH} rows at most, and one number`,
  );
  return makeBlock("choleskyBlock", [a, ridge], [2 * rows + 1, rows], { upper });
}
