/**
 * `deltaLinear`: the compressed linear layer xWᵀ + α ⊙ (xSᵀ) as one op that reads x once, and the rewriting
 * that makes it.
 */

import { requireShapes, sameShape, type Value } from "../../../graph/graph.ts";
import type { KernelRule } from "../kernel.ts";
import { deltaLinearProduct } from "../kernels/delta_linear.ts";
import { fewRowsProduct } from "../kernels/few_rows.ts";
import { fusedOp, part } from "./op.ts";
import { findOnce, isLinear, type RewriteRule } from "./rewrite.ts";

/** What a compressed linear layer reads. */
export interface DeltaLinearInputs {
  /** `[tokens, in]`. */
  readonly x: Value;
  /** W of the base, `[out, in]`. */
  readonly weight: Value;
  /** Packed signs, i32 `[⌈in/32⌉, out]`. */
  readonly mask: Value;
  /** α, one for all `[]` or one for each row of W `[out]`. */
  readonly scale: Value;
}

/**
 * y = xWᵀ + α ⊙ (xSᵀ), `[tokens, out]`.
 *
 * @param keepSigned whether xSᵀ is kept as a second result, {@linkcode signedProduct}.
 */
export function deltaLinear(inputs: DeltaLinearInputs, keepSigned: boolean): Value {
  const { x, weight, mask, scale } = inputs;
  const [outputSize, inputSize] = weight.shape;
  requireShapes(
    x.shape.length === 2 && weight.shape.length === 2 && x.shape[1] === inputSize &&
      mask.type === "i32" && sameShape(mask.shape, [Math.ceil(inputSize / 32), outputSize]) &&
      (scale.shape.length === 0 || sameShape(scale.shape, [outputSize])),
    "deltaLinear",
    [x, weight, mask, scale],
    "x [tokens, in], a weight [out, in], an i32 mask [⌈in/32⌉, out] and a scale [] or [out]",
  );
  const operands = [x, weight, mask, scale];
  return fusedOp("deltaLinear", operands, [x.shape[0], outputSize], { keepSigned });
}

/** V = xSᵀ `[tokens, out]`, the second result of a `deltaLinear` that keeps it. */
export function signedProduct(layer: Value): Value {
  return part(layer, 1, layer.shape);
}

/** The WGSL of the op above. */
export const deltaLinearRules: Readonly<Record<string, KernelRule>> = {
  deltaLinear: (builder, [first, second, mask, scale], { attributes }) => {
    const keepSigned = attributes.keepSigned as boolean;
    const signs = { mask, scale };
    const fewRows = keepSigned ? null : fewRowsProduct(builder, { first, second, signs });
    return fewRows ?? deltaLinearProduct(builder, { first, second, ...signs }, keepSigned);
  },
};

/**
 * Puts the fused op in the place of the sum that ends a layer. Where x · Sᵀ has other users, as in the
 * gradient of α, they read it from the fused op too.
 */
export const fuseDeltaLinear: RewriteRule = (value, usersOf) => {
  if (value.operation === "add") return layerOf(value, usersOf);
  if (value.operation !== "signMatmul") return null;
  const sums = usersOf(value).filter(({ operation }) => operation === "multiply").flatMap(usersOf);
  const layers = sums.map((sum) => layerOf(sum, usersOf)).filter((layer) => layer !== null);
  return layers[0]?.attributes?.keepSigned ? signedProduct(layers[0]) : null;
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

/** A value without the mark that no gradient passes. */
function constantOf(value: Value): Value {
  return value.operation === "stopGradient" ? value.inputs[0] : value;
}
