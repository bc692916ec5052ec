/**
 * Reverse-mode differentiation: adds to a graph the values that are its gradient. Knows no engine
 * and no op by name; each op brings its own rule.
 */

import { GraphError } from "../util/errors.ts";
import { requireShapes, sameShape, topologicalOrder, type Value } from "./graph.ts";
import { add, constant } from "./ops/elementwise.ts";

/**
 * The gradient of `output` with respect to each of `parameters`: ∂⟨seed, output⟩/∂parameter, each
 * of its parameter's shape.
 *
 * @param seed the gradient that flows into `output`; a scalar output may leave it out (1).
 * @throws {GraphError} if `output` does not depend on a parameter, a path between them has an op
 * without a gradient, or the seed is of another shape than the output.
 *
 * @example The derivative of Σx² is 2x.
 * ```ts
 * import { gradient, input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const x = input("x", [3]);
 * const [slope] = gradient(ops.sumTo(ops.multiply(x, x), []), [x]);
 * const program = await onnxEngine({ threads: 1 }).compile({ slope });
 * const results = await program.run({ x: Float32Array.of(1, -2, 3) });
 * assert.deepEqual([...results.slope], [2, -4, 6]);
 * await program.release();
 * ```
 */
export function gradient(
  output: Value,
  parameters: readonly Value[],
  seed: Value = constant(Float32Array.of(1), []),
): Value[] {
  requireShapes(
    sameShape(output.shape, seed.shape),
    "gradient",
    [output, seed],
    "an output and a seed of one shape",
  );
  const order = topologicalOrder([output]);
  const wanted = new Set(parameters);
  const needed = new Set<Value>();
  for (const value of order) {
    if (wanted.has(value) || value.inputs.some((each) => needed.has(each))) needed.add(value);
  }
  const gradients = new Map<Value, Value>([[output, seed]]);
  for (const value of order.toReversed()) {
    const upstream = gradients.get(value);
    if (!upstream || !needed.has(value) || value.inputs.length === 0) continue;
    propagate(value, upstream, needed, gradients);
  }
  return parameters.map((parameter) => {
    const found = gradients.get(parameter);
    if (found) return found;
    throw new GraphError({
      problem: `has no gradient with respect to '${parameter.name ?? parameter.operation}'`,
      value: output.operation,
      expected: "an output that depends on it through differentiable ops",
    });
  });
}

function propagate(
  value: Value,
  upstream: Value,
  needed: ReadonlySet<Value>,
  gradients: Map<Value, Value>,
): void {
  if (!value.rules.gradient) {
    throw new GraphError({
      problem: `op '${value.operation}' cannot be differentiated`,
      expected: "a path of differentiable ops between the parameter and the output",
    });
  }
  const partials = value.rules.gradient(upstream, value);
  value.inputs.forEach((each, index) => {
    const partial = partials[index];
    if (!partial || !needed.has(each)) return;
    const before = gradients.get(each);
    gradients.set(each, before ? add(before, partial) : partial);
  });
}
