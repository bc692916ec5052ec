/**
 * Products of small matrices written out, for a notebook to take a formula step by step. Not for
 * whole models: `output_products.ts` has an engine do it.
 */

import type { LinearShape } from "../checkpoint/weights.ts";

/**
 * X Wᵀ, `[rows, out]`, row-major, summed in double precision: the outputs of a linear layer.
 *
 * @param inputs X, `[rows, in]`
 * @param weights W, `[out, in]`
 * @throws {RangeError} if the sizes do not fit.
 *
 * @example
 * ```ts
 * import { linearOutputs } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const weights = Float32Array.of(1, 2, 3, 4); // [out, in] = [2, 2]
 * assert.deepEqual(linearOutputs(Float32Array.of(1, 1), weights, [2, 2]), Float32Array.of(3, 7));
 * ```
 */
export function linearOutputs(
  inputs: Float32Array,
  weights: Float32Array,
  [outSize, inSize]: LinearShape,
): Float32Array {
  if (weights.length !== outSize * inSize || inputs.length % inSize !== 0) {
    throw new RangeError(
      `inputs of ${inputs.length} and weights of ${weights.length} numbers do not fit ` +
        `[${outSize}, ${inSize}]`,
    );
  }
  const rows = inputs.length / inSize;
  const outputs = new Float32Array(rows * outSize);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < outSize; o++) {
      let sum = 0;
      for (let i = 0; i < inSize; i++) sum += inputs[row * inSize + i] * weights[o * inSize + i];
      outputs[row * outSize + o] = sum;
    }
  }
  return outputs;
}

/**
 * ⟨A, B⟩ = Σ aᵢbᵢ, in double precision.
 *
 * @throws {RangeError} if the two differ in size.
 *
 * @example
 * ```ts
 * import { innerProduct } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(innerProduct(Float32Array.of(1, 2), Float32Array.of(3, 4)), 11);
 * ```
 */
export function innerProduct(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) {
    throw new RangeError(`inner product of ${a.length} and ${b.length} numbers`);
  }
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
