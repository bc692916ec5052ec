/** `multiply`: an elementwise product; the second factor may be a vector along the last axis, or a scalar. */

import { makeValue, requireShapes, sameShape, type Value } from "../graph.ts";
import { sumTo } from "./sum_to.ts";

/**
 * a ∘ b, where b has a's shape, or a's trailing axes (`[features]` against `[tokens, features]`), or
 * none; b is repeated along the axes that it lacks.
 */
export function multiply(a: Value, b: Value): Value {
  const trailing = a.shape.slice(a.shape.length - b.shape.length);
  requireShapes(
    b.shape.length <= a.shape.length && sameShape(trailing, b.shape),
    "multiply",
    [a, b],
    "a second factor of the first one's shape, or of its trailing axes",
  );
  return makeValue("multiply", [a, b], a.shape, {
    gradient: (upstream) => [multiply(upstream, b), sumTo(multiply(upstream, a), b.shape)],
    onnx: (builder, inputs) => builder.node("Mul", inputs),
    element: ([a, b]) => `${a} * ${b}`,
  });
}
