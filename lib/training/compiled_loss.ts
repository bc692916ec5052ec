/**
 * A loss as a trainer meets it: something that returns its value and its gradients at the parameters' numbers.
 * Here also the usual way to make one, from a graph; what the graph says is `losses.ts`.
 */

import type { Engine, Feed } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import type { Value } from "../graph/graph.ts";

/** Arrays that training changes in place, by name. */
export type ParameterArrays = ReadonlyMap<string, Float32Array>;

/** A loss at one place, and its gradient there for each parameter. */
export interface LossResult {
  /** Its value. */
  readonly loss: number;
  /** Of the parameter's own length. */
  readonly gradient: (name: string) => Float32Array;
}

/** A compiled loss of parameters and a batch; of parameters alone where `Batch` is `void`. */
export interface CompiledLoss<Batch> {
  /** The numbers of a result hold, and may be changed, until the next run. */
  run(parameters: ParameterArrays, batch: Batch): Promise<LossResult>;
  /** Frees what was compiled and placed. */
  release(): Promise<void>;
}

/** What the inputs of a graph that are not parameters are fed with. */
export type BatchFeeds = Readonly<Record<string, Feed>>;

/**
 * A loss from its graph, with the gradient that follows from it.
 *
 * @param loss a scalar.
 * @param parameters inputs of the graph, by whose names the parameters go.
 * @throws {GraphError} if the loss does not depend on a parameter through differentiable ops.
 *
 * @example
 * ```ts
 * import { compileLoss, input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const x = input("x", [2]);
 * const loss = await compileLoss(onnxEngine(), ops.sumTo(ops.multiply(x, x), []), [x]);
 * const result = await loss.run(new Map([["x", Float32Array.of(3, -4)]]));
 * assert.equal(result.loss, 25);
 * assert.deepEqual([...result.gradient("x")], [6, -8]);
 * await loss.release();
 * ```
 */
export async function compileLoss(
  engine: Engine,
  loss: Value,
  parameters: readonly Value[],
): Promise<CompiledLoss<BatchFeeds | void>> {
  const gradients = gradient(loss, parameters);
  const program = await engine.compile({
    loss,
    ...Object.fromEntries(parameters.map(({ name }, index) => [name, gradients[index]])),
  });
  return {
    async run(arrays, batch) {
      const results = await program.run({ ...Object.fromEntries(arrays), ...batch });
      return { loss: results.loss[0], gradient: (name) => results[name] as Float32Array };
    },
    release: () => program.release(),
  };
}
