/** `silu`: the activation of Llama's gated feed-forward layer. */

import { makeValue, requireShapes, sameShape, type Value } from "../graph.ts";

/** x · σ(x), elementwise (Elfwing et al. 2018; the "swish" of SwiGLU). */
export function silu(x: Value): Value {
  return makeValue("silu", [x], x.shape, {
    gradient: (upstream) => [siluGradient(x, upstream)],
    onnx: (builder, [x]) => builder.node("Mul", [x, builder.node("Sigmoid", [x])]),
    element: ([x]) => `${x} * ${sigmoid(x)}`,
  });
}

/** ∂/∂x: g · (σ + x·σ·(1 − σ)) = g · (σ + silu·(1 − σ)). */
function siluGradient(x: Value, upstream: Value): Value {
  requireShapes(
    sameShape(x.shape, upstream.shape),
    "siluGradient",
    [x, upstream],
    "two values of one shape",
  );
  return makeValue("siluGradient", [x, upstream], x.shape, {
    onnx: (builder, [x, upstream]) => {
      const gate = builder.node("Sigmoid", [x]);
      const rest = builder.node("Sub", [builder.constant(Float32Array.of(1), []), gate]);
      const slope = builder.node("Mul", [builder.node("Mul", [x, gate]), rest]);
      return builder.node("Mul", [upstream, builder.node("Add", [gate, slope])]);
    },
    element: ([x, upstream]) => {
      const gate = sigmoid(x);
      return `${upstream} * ${gate} * (1.0 + ${x} * (1.0 - ${gate}))`;
    },
  });
}

/** σ(x) in WGSL. The exponential is kept finite: shaders need not know infinity. */
function sigmoid(x: string): string {
  return `(1.0 / (1.0 + exp(min(-${x}, 87.0))))`;
}
