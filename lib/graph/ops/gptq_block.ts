/** Weights of a block of inputs rounded one input after another, what is wrong in each made good by those after it. */

import { makeBlock } from "../block_op.ts";
import { requireShapes, type Value } from "../graph.ts";
import { BLOCK_WIDTH } from "./cholesky_block.ts";

/** How they are rounded. */
export interface GptqBlockOptions {
  /** Of each number, 2 to 8. */
  readonly bits: number;
  /** Inputs that share a scale and a zero point. */
  readonly group: number;
}

/**
 * GPTQ over a block (Frantar et al. 2022, algorithm 1): row by row w, rounded to ŵ = scale · (q − zero), leaves
 * e = (w − ŵ) / Uᵢᵢ, and each row j after it becomes wⱼ − Uᵢⱼ e. Scales, of 16-bit floats, and zero points are those
 * of a group's rows as they are when its first is reached, zero in their range. `[2 · rows + 2 · groups, out]`: e, q,
 * scales and zero points below each other. A block op: alone in its graph.
 *
 * @param weights Wᵀ, `[rows, out]`.
 * @param factor U, `[rows, rows]`, upper, of the inverse of the inputs' second moments.
 * @throws {GraphError} if shapes do not fit, or there are more than {@linkcode BLOCK_WIDTH} rows.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rounded = ops.gptqBlock(input("w", [2, 1]), input("u", [2, 2]), { bits: 2, group: 32 });
 * const program = await onnxEngine({ threads: 1 }).compile({ rounded });
 * const results = await program.run({
 *   w: Float32Array.of(1.25, 3),
 *   u: Float32Array.of(1, 2, 0, 1),
 * });
 * // 0.25 is wrong in the first, and twice that is taken off the second.
 * assert.deepEqual([...results.rounded], [0.25, -0.5, 1, 3, 1, 0]);
 * await program.release();
 * ```
 */
export function gptqBlock(
  weights: Value,
  factor: Value,
  { bits, group }: GptqBlockOptions,
): Value {
  const [rows, columns] = weights.shape;
  requireShapes(
    weights.shape.length === 2 && rows >= 1 && rows <= BLOCK_WIDTH &&
      `${factor.shape}` === `${[rows, rows]}` && weights.type === "f32" && factor.type === "f32",
    "gptqBlock",
    [weights, factor],
    `a matrix of ${BLOCK_WIDTH} rows at most, and a square one of as many`,
  );
  const groups = Math.ceil(rows / group);
  return makeBlock("gptqBlock", [weights, factor], [2 * (rows + groups), columns], { bits, group });
}
