/** `sumTo`: sums the leading axes away. */

import { makeValue, requireShapes, sameShape, type Shape, type Value } from "../graph.ts";
import { columnSums } from "../../engines/webgpu/kernels/column_sums.ts";
import { expandTo } from "./expand_to.ts";

/** Σ over the leading axes of x, so that the trailing axes `shape` are left; `[]` sums all. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const dropped = x.shape.length - shape.length;
  requireShapes(
    dropped > 0 && sameShape(x.shape.slice(dropped), shape),
    "sumTo",
    [x],
    `a value whose trailing axes are [${shape}]`,
  );
  const axes = BigInt64Array.from({ length: dropped }, (_, axis) => BigInt(axis));
  return makeValue("sumTo", [x], shape, {
    gradient: (upstream) => [expandTo(upstream, x.shape)],
    onnx: (builder, [x]) =>
      builder.node("ReduceSum", [x, builder.constant(axes, [dropped])], { keepdims: 0 }),
    wgsl: (builder, [x]) => columnSums(builder, x, shape),
  });
}
