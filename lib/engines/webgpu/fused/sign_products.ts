/**
 * Products with unpacked signs, which the gradient makes, taken straight from the packed ones: the op
 * `signMatmulTransposed`, the backward of `signMatmul`, and the rewriting.
 */

import { requireShapes, type Value } from "../../../graph/graph.ts";
import { signMatmul } from "../../../graph/ops/signs.ts";
import type { KernelRule } from "../kernel.ts";
import { signMatmulTransposedProduct } from "../kernels/sign_matmul_transposed.ts";
import { fusedOp } from "./op.ts";
import type { RewriteRule } from "./rewrite.ts";

/**
 * X · Sᵀ, `[tokens, out] · [out, in] → [tokens, in]`, with S = `signMatrix(mask, columns)`.
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
  return fusedOp("signMatmulTransposed", [x, mask], [x.shape[0], columns]);
}

/** The WGSL of the op above. */
export const signProductRules: Readonly<Record<string, KernelRule>> = {
  signMatmulTransposed: (builder, [first, mask], { shape: [, columns] }) =>
    signMatmulTransposedProduct(builder, { first, mask, columns }),
};

/** Products with `signMatrix(mask)`: x · S and x · Sᵀ from the mask itself. */
export const fuseSignProducts: RewriteRule = (value) => {
  if (value.operation !== "matmul") return null;
  const [x, second] = value.inputs;
  const { transposeFirst, transposeSecond } = value.attributes;
  if (second.operation !== "signMatrix" || transposeFirst) return null;
  const [mask] = second.inputs;
  return transposeSecond ? signMatmulTransposed(x, mask, second.shape[0]) : signMatmul(x, mask);
};
