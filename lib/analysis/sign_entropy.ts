/**
 * How many bits the signs of a delta really hold. One bit a weight is what a mask costs; signs that
 * lean to one side, or follow their neighbours, could be coded in less.
 */

import type { LinearShape } from "../checkpoint/weights.ts";

/** Entropies of a sign matrix in bits a sign, each by the frequencies observed. */
export interface SignEntropy {
  /** H(p) of all signs together, p the share of +1. */
  readonly overall: number;
  /** Mean of H over the rows, one an output of the layer. */
  readonly byRow: number;
  /** Mean of H over the columns, one an input of the layer. */
  readonly byColumn: number;
  /** H(Sᵢ₊₁ | Sᵢ) along the rows: what is left of a sign when its left neighbour is known. */
  readonly afterNeighbour: number;
}

/**
 * Binary entropy H(p) = −p log₂ p − (1 − p) log₂ (1 − p), in bits; 0 at p = 0 and p = 1.
 *
 * @example
 * ```ts
 * import { binaryEntropy } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(binaryEntropy(0.5), 1);
 * assert.equal(binaryEntropy(0), 0);
 * ```
 */
export function binaryEntropy(p: number): number {
  return surprise(p) + surprise(1 - p);
}

/**
 * Entropies of S = sign(Δ), a zero counting as +1 as in the mask.
 *
 * Frequencies of few signs make every entropy look lower than it is: compare `byRow` and `byColumn`
 * with {@linkcode fairCoinEntropy} of as many signs, not with 1.
 *
 * @param delta Δ, `[out, in]`, row-major
 *
 * @example
 * ```ts
 * import { signEntropy } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // Each row is of one sign: nothing is left of a sign once its row is known.
 * const { overall, byRow } = signEntropy(Float32Array.of(1, 1, -1, -1), [2, 2]);
 * assert.deepEqual([overall, byRow], [1, 0]);
 * ```
 */
export function signEntropy(delta: Float32Array, [outSize, inSize]: LinearShape): SignEntropy {
  const inRow = new Float64Array(outSize);
  const inColumn = new Float64Array(inSize);
  // Of neighbours (left, right): how often each of −−, −+, +−, ++.
  const neighbours = [0, 0, 0, 0];
  for (let o = 0; o < outSize; o++) {
    let left = 0;
    for (let i = 0; i < inSize; i++) {
      const sign = delta[o * inSize + i] >= 0 ? 1 : 0;
      inRow[o] += sign;
      inColumn[i] += sign;
      if (i > 0) neighbours[2 * left + sign]++;
      left = sign;
    }
  }
  const positive = inRow.reduce((sum, each) => sum + each, 0);
  return {
    overall: binaryEntropy(positive / (outSize * inSize)),
    byRow: meanEntropy(inRow, inSize),
    byColumn: meanEntropy(inColumn, outSize),
    afterNeighbour: conditionalEntropy(neighbours),
  };
}

/**
 * Mean of H(k / n) over the number k of heads in n tosses of a fair coin: what entropies by
 * frequencies come to where there is nothing to find. Near 1 − 1 / (2 n ln 2) for large n.
 *
 * @example
 * ```ts
 * import { fairCoinEntropy } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // Of two tosses, half the time both are alike.
 * assert.ok(Math.abs(fairCoinEntropy(2) - 0.5) < 1e-12);
 * ```
 */
export function fairCoinEntropy(n: number): number {
  let logProbability = -n * Math.LN2;
  let mean = 0;
  for (let k = 0; k <= n; k++) {
    mean += Math.exp(logProbability) * binaryEntropy(k / n);
    logProbability += Math.log(n - k) - Math.log(k + 1);
  }
  return mean;
}

function meanEntropy(positives: Float64Array, n: number): number {
  return positives.reduce((sum, each) => sum + binaryEntropy(each / n), 0) / positives.length;
}

/** H(right | left) = H(left, right) − H(left). */
function conditionalEntropy(neighbours: readonly number[]): number {
  const total = neighbours.reduce((sum, each) => sum + each, 0);
  if (total === 0) return 0;
  const joint = neighbours.reduce((sum, each) => sum + surprise(each / total), 0);
  return joint - binaryEntropy((neighbours[0] + neighbours[1]) / total);
}

function surprise(p: number): number {
  return p <= 0 ? 0 : -p * Math.log2(p);
}
