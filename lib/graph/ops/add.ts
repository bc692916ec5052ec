/** `add`: the sum of two values of one shape. */

import { makeValue, requireShapes, sameShape, type Value } from "../graph.ts";

/** a + b, elementwise; ∂/∂a = ∂/∂b = the upstream gradient. */
export function add(a: Value, b: Value): Value {
  requireShapes(sameShape(a.shape, b.shape), "add", [a, b], "two values of one shape");
  return makeValue("add", [a, b], a.shape, {
    gradient: (upstream) => [upstream, upstream],
    onnx: (builder, inputs) => builder.node("Add", inputs),
    element: ([a, b]) => `${a} + ${b}`,
  });
}
