/** `scaleBy`: a value times a number that is known when the graph is built. */

import { makeValue, type Value } from "../graph.ts";

/** factor · x, elementwise. */
export function scaleBy(x: Value, factor: number): Value {
  return makeValue("scaleBy", [x], x.shape, {
    gradient: (upstream) => [scaleBy(upstream, factor)],
    onnx: (builder, [x]) => builder.node("Mul", [x, builder.constant(Float32Array.of(factor), [])]),
    // Text, so that it merges with what is around it: a model has a handful of factors in all.
    element: ([x]) => `${x} * ${Math.fround(factor)}f`,
  });
}
