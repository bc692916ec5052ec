/**
 * Ops that only rewritings of a graph make, after differentiation: they have a WGSL rule, and neither a
 * gradient nor ONNX nodes.
 */

import { GraphError } from "../../../util/errors.ts";
import { type Attributes, makeValue, type Shape, type Value } from "../../../graph/graph.ts";

/** A value of such an op. */
export function fusedOp(
  operation: string,
  inputs: readonly Value[],
  shape: Shape,
  attributes: Attributes = {},
): Value {
  const onnx = () => {
    throw new GraphError({
      problem: `'${operation}' has no ONNX nodes`,
      expected: "a graph that was not rewritten for a GPU",
    });
  };
  return makeValue(operation, inputs, shape, { attributes, onnx });
}

/** A further result of an op whose kernel has several; result 0 is the value itself. */
export function part(value: Value, index: number, shape: Shape): Value {
  return fusedOp("part", [value], shape, { index });
}
