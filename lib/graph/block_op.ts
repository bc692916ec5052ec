/**
 * Ops that are no product and no map of elements: a small factorisation, or a sweep whose each step depends on the
 * one before. A graph holds such an op alone, of inputs and nothing else, so that an engine may run it outside the
 * graphs of its own: the CPU's in WebAssembly, with double precision where the op says so (`engines/onnx/host/`), a
 * GPU as a kernel like any other (`engines/webgpu/rules.ts`). What is large is for products, between blocks.
 */

import { GraphError } from "../util/errors.ts";
import { type Attributes, type ElementType, makeValue, type Shape, type Value } from "./graph.ts";

/**
 * Makes the value of a block op. Numbers that belong together are one output, below each other.
 *
 * @param inputs values that the caller feeds.
 * @throws {GraphError} if one of them is computed.
 */
export function makeBlock(
  operation: string,
  inputs: readonly Value[],
  shape: Shape,
  attributes: Attributes = {},
  type: ElementType = "f32",
): Value {
  const computed = inputs.find(({ name }) => name === null);
  if (computed) throw notAlone(operation, `an operand by '${computed.operation}'`);
  const onnx = () => {
    throw notAlone(operation, "other outputs");
  };
  return makeValue(operation, inputs, shape, { attributes, onnx }, type);
}

function notAlone(operation: string, value: string): GraphError {
  return new GraphError({
    operation,
    problem: "is not alone in its graph",
    value,
    expected: "inputs, this op and its output, and nothing else",
  });
}
