/** `signMatmul`: x · Sᵀ straight from packed bits, the one-bit half of a compressed linear layer. */

import { makeValue, requireShapes, type Value } from "../graph.ts";
import { signMatmulKernel } from "../../engines/webgpu/kernels/sign_matmul.ts";
import { matmul } from "./matmul.ts";
import { signs } from "./signs.ts";

/**
 * V = X · S, `[tokens, in] · [in, out] → [tokens, out]`, with S = {@linkcode signs}(mask). In the
 * words of the study, whose S is `[out, in]`: V = XSᵀ. The mask has no gradient.
 */
export function signMatmul(x: Value, mask: Value): Value {
  const [tokens, inputSize] = x.shape;
  requireShapes(
    x.shape.length === 2 && mask.type === "i32" && mask.shape.length === 2 &&
      mask.shape[0] === Math.ceil(inputSize / 32),
    "signMatmul",
    [x, mask],
    "a matrix [tokens, in] and an i32 mask [⌈in/32⌉, out]",
  );
  const dense = signs(mask, inputSize);
  return makeValue("signMatmul", [x, mask], [tokens, mask.shape[1]], {
    gradient: (upstream) => [matmul(upstream, dense, { transposeSecond: true }), null],
    onnx: (builder, [x, mask]) => builder.node("MatMul", [x, dense.rules.onnx(builder, [mask])]),
    wgsl: (builder, [first, mask]) => builder.dispatch(signMatmulKernel(builder, { first, mask })),
  });
}
