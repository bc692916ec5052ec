/**
 * `deltaLinear`: the linear layer of a compressed model as one op that reads x once. Only rewritings of
 * a graph make it, after differentiation: it has no gradient rule.
 */

import { makeValue, requireShapes, sameShape, type Value } from "../../../graph/graph.ts";
import { deltaLinearKernel } from "../kernels/delta_linear.ts";
import { part } from "./part.ts";
import { withoutOnnx } from "./without_onnx.ts";

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
  return makeValue("deltaLinear", [x, weight, mask, scale], [x.shape[0], outputSize], {
    attributes: { keepSigned },
    onnx: withoutOnnx("deltaLinear"),
    wgsl: (builder, [first, second, mask, scale]) =>
      builder.dispatch(deltaLinearKernel(builder, { first, second, mask, scale }, keepSigned)),
  });
}

/** V = xSᵀ `[tokens, out]`, the second result of a `deltaLinear` that keeps it. */
export function signedProduct(layer: Value): Value {
  return part(layer, 1, layer.shape);
}
