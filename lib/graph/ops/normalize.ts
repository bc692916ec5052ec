/** `rmsNormalize`: each row divided by its root mean square. The learned weight is a `multiply` after it. */

import { makeValue, type OnnxBuilder, requireShapes, sameShape, type Value } from "../graph.ts";

/**
 * x̂ = x / √(mean(x²) + ε) over the last axis, `[tokens, features]` (Zhang & Sennrich 2019,
 * "Root Mean Square Layer Normalization", eq. 4).
 */
export function rmsNormalize(x: Value, epsilon: number): Value {
  return makeValue("rmsNormalize", [x], x.shape, {
    attributes: { epsilon },
    gradient: (upstream) => [rmsNormalizeGradient(x, upstream, epsilon)],
    onnx: (builder, [x]) => normalize(builder, x, epsilon),
  });
}

/**
 * ∂/∂x: r · (g − x̂ · mean(g ∘ x̂)), with r the inverse root mean square of each row. Of what lies along the
 * row nearly all cancels, so that errors are roundings of r · |g| and not of what is left.
 */
function rmsNormalizeGradient(x: Value, upstream: Value, epsilon: number): Value {
  requireShapes(
    sameShape(x.shape, upstream.shape),
    "rmsNormalizeGradient",
    [x, upstream],
    "two values of one shape",
  );
  return makeValue("rmsNormalizeGradient", [x, upstream], x.shape, {
    attributes: { epsilon },
    onnx: (builder, [x, upstream]) => {
      const inverse = inverseRms(builder, x, epsilon);
      const normalized = builder.node("Mul", [x, inverse]);
      const along = lastAxisMean(builder, builder.node("Mul", [upstream, normalized]));
      const radial = builder.node("Mul", [normalized, along]);
      return builder.node("Mul", [inverse, builder.node("Sub", [upstream, radial])]);
    },
  });
}

function normalize(builder: OnnxBuilder, x: string, epsilon: number): string {
  return builder.node("Mul", [x, inverseRms(builder, x, epsilon)]);
}

function inverseRms(builder: OnnxBuilder, x: string, epsilon: number): string {
  const meanSquare = lastAxisMean(builder, builder.node("Mul", [x, x]));
  const shifted = builder.node("Add", [meanSquare, builder.constant(Float32Array.of(epsilon), [])]);
  return builder.node("Reciprocal", [builder.node("Sqrt", [shifted])]);
}

function lastAxisMean(builder: OnnxBuilder, x: string): string {
  return builder.node("ReduceMean", [x, builder.constant(BigInt64Array.of(-1n), [1])]);
}
