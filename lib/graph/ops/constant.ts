/** `constant`: numbers that are part of the graph itself, such as a factor or a table. */

import { elementCount, makeValue, requireShapes, type Shape, type Value } from "../graph.ts";

/** A value that holds `numbers`, row by row, in the given shape. */
export function constant(numbers: Float32Array, shape: Shape): Value {
  const value = makeValue("constant", [], shape, {
    onnx: (builder) => builder.constant(numbers, shape),
    wgsl: (builder) => builder.constant(numbers, shape),
  });
  requireShapes(
    numbers.length === elementCount(shape),
    "constant",
    [value],
    `${numbers.length} elements`,
  );
  return value;
}
