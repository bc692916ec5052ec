/**
 * A loss as a trainer meets it: something that returns its value and its gradients at the parameters' numbers.
 * Here also the usual way to make one, from a graph; what the graph says is `losses.ts`.
 */

import type { Engine, Feed, Placed } from "../graph/engine.ts";
import { gradient } from "../graph/gradient.ts";
import type { Value } from "../graph/graph.ts";
import { sumTo } from "../graph/ops/elementwise.ts";

/** Arrays that training changes in place, by name. */
export type ParameterArrays = ReadonlyMap<string, Float32Array>;

/** Numbers of parameters by name: arrays, or where they lie on the engine. */
export type ParameterFeeds = ReadonlyMap<string, Feed>;

/** A loss at one place, and its gradient there for each parameter. */
export interface LossResult {
  /** Its value. */
  readonly loss: number;
  /** Of the parameter's own length. */
  readonly gradient: (name: string) => Float32Array;
  /** Gradients that stay on the engine, for the caller to release, in the place of `gradient`; default: none. */
  readonly staying?: ReadonlyMap<string, StayingGradient>;
}

/** The gradient of a parameter that the engine holds. */
export interface StayingGradient {
  /** Its numbers. */
  readonly placed: Placed;
  /** Their sum: not finite where one of them is not. */
  readonly sum: number;
}

/** A compiled loss of parameters and a batch; of parameters alone where `Batch` is `void`. */
export interface CompiledLoss<Batch> {
  /**
   * The numbers of a result hold, and may be changed, until the next run.
   *
   * @param signal stops a run that takes long between two of its parts, and throws its reason.
   */
  run(parameters: ParameterFeeds, batch: Batch, signal?: AbortSignal): Promise<LossResult>;
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
 * @param staying names of those whose gradients stay on the engine; default: none.
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
  staying: readonly string[] = [],
): Promise<CompiledLoss<BatchFeeds | void>> {
  const gradients = gradient(loss, parameters);
  const outputs = Object.fromEntries(
    parameters.map(({ name }, index) => [name!, gradients[index]]),
  );
  const program = await engine.compile({ loss, ...withSums(outputs, staying) });
  return {
    async run(arrays, batch) {
      const feeds = { ...Object.fromEntries(arrays), ...batch };
      if (staying.length > 0) {
        return await readLoss(engine, Object.entries(await program.keep(feeds)), staying);
      }
      const results = await program.run(feeds);
      return { loss: results.loss[0], gradient: (name) => results[name] as Float32Array };
    },
    release: () => program.release(),
  };
}

/** After the name of a parameter: the sum of its gradient, which tells that there is no NaN among many numbers. */
const SUM = ":sum";

/** Gradients, and the sums of those that stay. */
export function withSums(
  gradients: Readonly<Record<string, Value>>,
  staying: readonly string[],
): Record<string, Value> {
  const sums = staying.filter((name) => name in gradients).map((name) =>
    [name + SUM, sumTo(gradients[name], [])] as const
  );
  return { ...gradients, ...Object.fromEntries(sums) };
}

/**
 * A loss from its outputs by name, read in one transfer and released, but for gradients that stay.
 *
 * @param found `loss`, gradients by their parameters' names, and of those that stay the sums.
 */
export async function readLoss(
  engine: Engine,
  found: Iterable<readonly [string, Placed]>,
  staying: readonly string[],
): Promise<LossResult> {
  const outputs = new Map(found);
  const kept = new Map(staying.map((name) => [name, outputs.get(name)!]));
  for (const name of staying) outputs.delete(name);
  try {
    const numbers = await engine.read([...outputs.values()]);
    const read = new Map([...outputs.keys()].map((name, index) => [name, numbers[index]]));
    const entries = [...kept].map(([name, placed]) =>
      [name, { placed, sum: read.get(name + SUM)![0] }] as const
    );
    return {
      loss: read.get("loss")![0],
      gradient: (name) => read.get(name) as Float32Array,
      staying: new Map(entries),
    };
  } catch (error) {
    for (const placed of kept.values()) placed.release();
    throw error;
  } finally {
    for (const placed of outputs.values()) placed.release();
  }
}
