/** `part`: a further result of an op whose kernel has several. Only rewritings of a graph make it. */

import { GraphError } from "../../errors.ts";
import { makeValue, type Shape, type Value } from "../graph.ts";

/**
 * Result `index` of `value`'s kernel, 0 being the value itself.
 *
 * @throws {GraphError} if it is written as ONNX, which has no such kernels.
 */
export function part(value: Value, index: number, shape: Shape): Value {
  return makeValue("part", [value], shape, {
    attributes: { index },
    onnx: () => {
      throw new GraphError({
        problem: `a part of '${value.operation}' has no ONNX nodes`,
        expected: "a graph that was not rewritten for a GPU",
      });
    },
  });
}
