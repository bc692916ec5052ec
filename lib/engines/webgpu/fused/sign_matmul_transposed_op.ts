/**
 * `signMatmulTransposed`: the backward of `signMatmul`, straight from packed bits. Only rewritings of a
 * graph make it, where the gradient has a product with `signs`.
 */

import { makeValue, requireShapes, type Value } from "../../../graph/graph.ts";
import { signMatmulTransposedKernel } from "../kernels/sign_matmul_transposed.ts";
import { withoutOnnx } from "./without_onnx.ts";

/**
 * X · Sᵀ, `[tokens, out] · [out, in] → [tokens, in]`, with S = `signs(mask, columns)`.
 *
 * @param columns the inputs of the layer, `in`; the last word of a mask may be padded.
 */
export function signMatmulTransposed(x: Value, mask: Value, columns: number): Value {
  requireShapes(
    x.shape.length === 2 && mask.type === "i32" && mask.shape.length === 2 &&
      mask.shape[0] === Math.ceil(columns / 32) && mask.shape[1] === x.shape[1],
    "signMatmulTransposed",
    [x, mask],
    `a matrix [tokens, out] and an i32 mask [${Math.ceil(columns / 32)}, out]`,
  );
  return makeValue("signMatmulTransposed", [x, mask], [x.shape[0], columns], {
    onnx: withoutOnnx("signMatmulTransposed"),
    wgsl: (builder, [first, mask]) =>
      builder.dispatch(signMatmulTransposedKernel(builder, { first, mask, columns })),
  });
}
