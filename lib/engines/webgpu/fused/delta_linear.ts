/**
 * Fuses the compressed linear layer xWᵀ + α ⊙ (xSᵀ) into one op that reads x once, and takes products
 * with unpacked signs, which the gradient makes, straight from the packed ones.
 */

import type { Value } from "../../../graph/graph.ts";
import { deltaLinear, type DeltaLinearInputs, signedProduct } from "./delta_linear_op.ts";
import { signMatmul } from "../../../graph/ops/signs.ts";
import { signMatmulTransposed } from "./sign_matmul_transposed_op.ts";
import { isLinear } from "./linear.ts";
import { findOnce, type RewriteRule } from "./rewrite.ts";

/**
 * Puts the fused op in the place of the sum that ends a layer. Where x · Sᵀ has other users, as in the
 * gradient of α, they read it from the fused op too.
 */
export const fuseDeltaLinear: RewriteRule = (value, usersOf) => {
  if (value.operation === "add") return layerOf(value, usersOf);
  if (value.operation !== "signMatmul") return null;
  const sums = usersOf(value).filter(({ operation }) => operation === "multiply").flatMap(usersOf);
  const layers = sums.map((sum) => layerOf(sum, usersOf)).filter((layer) => layer !== null);
  return layers[0]?.rules.attributes?.keepSigned ? signedProduct(layers[0]) : null;
};

/** The fused op that computes `sum`, if that is a compressed linear layer. */
const layerOf = findOnce((sum, usersOf): Value | null => {
  if (sum.operation !== "add") return null;
  for (const [dense, scaled] of [sum.inputs, sum.inputs.toReversed()]) {
    const isInner = [dense, scaled].every((each) => usersOf(each).length === 1);
    if (!isInner || !isLinear(dense) || scaled.operation !== "multiply") continue;
    const [x, weight] = dense.inputs;
    const [signed, scale] = scaled.inputs;
    if (signed.operation !== "signMatmul" || constantOf(signed.inputs[0]) !== constantOf(x)) {
      continue;
    }
    const inputs: DeltaLinearInputs = { x, weight, mask: signed.inputs[1], scale };
    const scaleFits = scale.shape.length === 0 ||
      (scale.shape.length === 1 && scale.shape[0] === weight.shape[0]);
    if (!scaleFits) continue;
    return deltaLinear(inputs, usersOf(signed).length > 1);
  }
  return null;
});

/** Products with `signs(mask)`: x · S and x · Sᵀ from the mask itself. */
export const fuseSignProducts: RewriteRule = (value) => {
  if (value.operation !== "matmul") return null;
  const [x, second] = value.inputs;
  const { transposeFirst, transposeSecond } = value.rules.attributes!;
  if (second.operation !== "signs" || transposeFirst) return null;
  const [mask] = second.inputs;
  return transposeSecond ? signMatmulTransposed(x, mask, second.shape[0]) : signMatmul(x, mask);
};

/** A value without the mark that no gradient passes. */
function constantOf(value: Value): Value {
  return value.operation === "stopGradient" ? value.inputs[0] : value;
}
