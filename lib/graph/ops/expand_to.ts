/** `expandTo`: repeats a value along new leading axes; the transpose of `sumTo`. */

import { makeValue, requireShapes, sameShape, type Shape, type Value } from "../graph.ts";
import { sumTo } from "./sum_to.ts";

/** x, repeated so that it has `shape`, of which x's shape is the trailing part. */
export function expandTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  requireShapes(
    sameShape(shape.slice(shape.length - x.shape.length), x.shape),
    "expandTo",
    [x],
    `the trailing axes of [${shape}]`,
  );
  const target = BigInt64Array.from(shape, BigInt);
  return makeValue("expandTo", [x], shape, {
    gradient: (upstream) => [sumTo(upstream, x.shape)],
    onnx: (builder, [x]) => builder.node("Expand", [x, builder.constant(target, [shape.length])]),
    element: ([x]) => x,
  });
}
