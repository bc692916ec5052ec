/**
 * `deltaProjections`: what a delta and its signs make of the same inputs, as one op that reads both
 * once. Only rewritings of a graph make it, after differentiation: it has no gradient rule.
 */

import { makeValue, requireShapes, type Value } from "../../../graph/graph.ts";
import { deltaProjectionsKernel } from "../kernels/delta_projections.ts";
import { part } from "./part.ts";
import { withoutOnnx } from "./without_onnx.ts";

/**
 * U = XΔᵀ `[tokens, out]`, with V = X·sign(Δ)ᵀ as a second result, {@linkcode signProjection}.
 *
 * @param x X, `[tokens, in]`
 * @param delta Δ, `[out, in]`
 * @param zero the sign of a zero.
 */
export function deltaProjections(x: Value, delta: Value, zero: 0 | 1): Value {
  requireShapes(
    x.shape.length === 2 && delta.shape.length === 2 && x.shape[1] === delta.shape[1],
    "deltaProjections",
    [x, delta],
    "x [tokens, in] and a delta [out, in]",
  );
  return makeValue("deltaProjections", [x, delta], [x.shape[0], delta.shape[0]], {
    attributes: { zero },
    onnx: withoutOnnx("deltaProjections"),
    wgsl: (builder, [first, second]) =>
      builder.dispatch(deltaProjectionsKernel(builder, { first, second, zero })),
  });
}

/** V = X·sign(Δ)ᵀ `[tokens, out]`, the second result of `deltaProjections`. */
export function signProjection(projections: Value): Value {
  return part(projections, 1, projections.shape);
}
