/** The delta of two weights, as it is: subtracted in 32-bit floats and rounded to a type of checkpoints. */

import type { FloatType } from "../../checkpoint/tensor.ts";
import { makeValue, type OnnxBuilder, requireShapes, sameShape, type Value } from "../graph.ts";

/** What ONNX calls the narrower types. */
const ONNX_TYPES = { F16: 10, BF16: 16 } as const;
/** What ONNX calls 32-bit floats. */
const ONNX_FLOAT = 1;

/**
 * Δ = fine − base, subtracted in 32-bit floats and then rounded to `type`, ties to even, as
 * `differenceMatrix` of `delta/` has it. Subnormal numbers are kept, and what passes the type's largest
 * number is infinite.
 *
 * Without a gradient: rounding has none, and no method trains a dense delta.
 *
 * @throws {GraphError} if the operands differ in shape.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const delta = ops.difference(input("fine", [2]), input("base", [2]), "BF16");
 * const program = await onnxEngine({ threads: 1 }).compile({ delta });
 * const feeds = { fine: Float32Array.of(1.00390625, 3), base: Float32Array.of(0, 1) };
 * // 1 + 2⁻⁸ lies halfway between two bfloat16 numbers.
 * assert.deepEqual([...(await program.run(feeds)).delta], [1, 2]);
 * await program.release();
 * ```
 */
export function difference(fine: Value, base: Value, type: FloatType): Value {
  requireShapes(
    sameShape(fine.shape, base.shape),
    "difference",
    [fine, base],
    "two values of one shape",
  );
  return makeValue("difference", [fine, base], fine.shape, {
    attributes: { type },
    onnx: (builder, inputs) => rounded(builder, builder.node("Sub", inputs), type),
  });
}

function rounded(builder: OnnxBuilder, x: string, type: FloatType): string {
  if (type === "F32") return x;
  const narrow = builder.node("Cast", [x], { to: ONNX_TYPES[type] });
  return builder.node("Cast", [narrow], { to: ONNX_FLOAT });
}
