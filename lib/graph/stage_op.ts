/**
 * Ops of a server's steps: few rows, each of a tenant and a sequence of its own, against tables that lie where the
 * engine computes. A CPU runs each as a stage of its own between what ONNX Runtime computes (`engines/onnx/host/`), a
 * GPU as kernels like any other (`engines/webgpu/rules.ts`). None has a gradient.
 *
 * Not here: ops that must be alone in their graph (`block_op.ts`).
 */

import { GraphError } from "../util/errors.ts";
import { type Attributes, makeValue, type Shape, type Value } from "./graph.ts";

/** Makes the value of such an op. */
export function makeStage(
  operation: string,
  inputs: readonly Value[],
  shape: Shape,
  attributes: Attributes = {},
): Value {
  const onnx = () => {
    throw new GraphError({
      operation,
      problem: "has no ONNX nodes",
      expected: "an engine that runs it as a stage of its own",
    });
  };
  return makeValue(operation, inputs, shape, { attributes, onnx });
}

/** Whether a value is a vector of whole numbers, one a row. */
export function isOfRows(value: Value, rows: number): boolean {
  return value.type === "i32" && value.shape.length === 1 && value.shape[0] === rows;
}

/** Whether a value is fed by the caller, in memory that an op may change. */
export function isFed({ name }: Value): boolean {
  return name !== null;
}
