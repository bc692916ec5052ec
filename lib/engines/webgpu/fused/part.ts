/** `part`: a further result of an op whose kernel has several. Only rewritings of a graph make it. */

import { makeValue, type Shape, type Value } from "../../../graph/graph.ts";
import { withoutOnnx } from "./without_onnx.ts";

/** Result `index` of `value`'s kernel, 0 being the value itself. */
export function part(value: Value, index: number, shape: Shape): Value {
  return makeValue("part", [value], shape, {
    attributes: { index },
    onnx: withoutOnnx(`a part of ${value.operation}`),
  });
}
