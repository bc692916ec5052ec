/**
 * One pass of greedy coordinate descent over the signs of a matrix, whose objective is a Kronecker product's:
 * J(V) = tr(K Vᵀ C V) − 2⟨V, P⟩ of V `[rows, width]`, K `[width, width]` and C `[rows, rows]`, symmetric.
 */

import { makeBlock } from "../block_op.ts";
import { requireShapes, type Value } from "../graph.ts";

/** How many times a row is gone through before the next one. */
export interface SignSweepOptions {
  /** At most; a row in which nothing turns is done. */
  readonly passes: number;
}

/**
 * Turns the sign of each number, row by row and from left to right, where that lowers J: a step δ = −2v changes it by
 * δ²KⱼⱼCₗₗ − 2δgₗⱼ, with g = P − CVK half the negative gradient. `[2 · rows, width]`: V with its signs, and below it
 * what the steps D come to, DK, of which −C·DK is the change of g. Numbers that are zero stay. A block op: alone in
 * its graph.
 *
 * @param values V, `[rows, width]`.
 * @param gradient g, `[rows, width]`.
 * @param inner K, `[width, width]`.
 * @param outer C, `[rows, rows]`; `null` for rows that do not know each other, each with Cₗₗ = 1.
 * @throws {GraphError} if shapes do not fit.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const [values, gradient] = ["values", "gradient"].map((name) => input(name, [1, 2]));
 * const swept = ops.signSweep(values, gradient, input("inner", [2, 2]), null, { passes: 1 });
 * const program = await onnxEngine({ threads: 1 }).compile({ swept });
 * const feeds = { values: Float32Array.of(1, 1), inner: Float32Array.of(1, 0, 0, 1) };
 * // The target is (−1, 1): g = target − values.
 * const results = await program.run({ ...feeds, gradient: Float32Array.of(-2, 0) });
 * assert.deepEqual([...results.swept], [-1, 1, -2, 0]);
 * await program.release();
 * ```
 */
export function signSweep(
  values: Value,
  gradient: Value,
  inner: Value,
  outer: Value | null,
  { passes }: SignSweepOptions,
): Value {
  const [rows, width] = values.shape;
  const operands = [values, gradient, inner, ...outer ? [outer] : []];
  const shapes = [[rows, width], [rows, width], [width, width], [rows, rows]];
  requireShapes(
    values.shape.length === 2 &&
      operands.every(({ shape, type }, at) => `${shape}` === `${shapes[at]}` && type === "f32"),
    outer ? "coupledSignSweep" : "signSweep",
    operands,
    "V and g [rows, width], K [width, width] and C [rows, rows] or none",
  );
  const operation = outer ? "coupledSignSweep" : "signSweep";
  return makeBlock(operation, operands, [2 * rows, width], { passes });
}
