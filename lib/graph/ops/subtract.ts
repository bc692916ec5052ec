/** `subtract`: the difference of two values of one shape. */

import { makeValue, requireShapes, sameShape, type Value } from "../graph.ts";
import { scaleBy } from "./scale_by.ts";

/** a − b, elementwise. */
export function subtract(a: Value, b: Value): Value {
  requireShapes(sameShape(a.shape, b.shape), "subtract", [a, b], "two values of one shape");
  return makeValue("subtract", [a, b], a.shape, {
    gradient: (upstream) => [upstream, scaleBy(upstream, -1)],
    onnx: (builder, inputs) => builder.node("Sub", inputs),
    element: ([a, b]) => `${a} - ${b}`,
  });
}
