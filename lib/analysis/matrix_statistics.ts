/** Numbers that describe the entries of one delta: sizes, shape of the distribution, what signs keep. */

/** What {@linkcode matrixStatistics} counts and sums. */
export interface MatrixStatistics {
  /** Elements. */
  readonly count: number;
  /** mean|Δ|: the initial scale. */
  readonly meanMagnitude: number;
  /** σ = √mean(Δ²), the root mean square; a delta's mean is nearly zero. */
  readonly rootMeanSquare: number;
  /** ‖Δ‖, the Frobenius norm: σ √count. */
  readonly norm: number;
  /** max|Δ| */
  readonly largest: number;
  /** Share of entries that are zero or positive, whose bit is set in the mask. */
  readonly positiveShare: number;
  /** mean(Δ⁴) / σ⁴ − 3: 0 for normal entries, 3 for Laplace's, −1.2 for uniform ones. */
  readonly excessKurtosis: number;
  /**
   * Share of ‖Δ‖² that the signs keep at the best single scale, mean|Δ|² / mean(Δ²): since
   * ‖Δ − αS‖² = ‖Δ‖² − count · mean|Δ|² at α = mean|Δ|. It is 2/π for normal entries, 1/2 for
   * Laplace's, 3/4 for uniform ones, 1 where all magnitudes are equal.
   */
  readonly energyKept: number;
}

/**
 * Statistics of the entries of a matrix, summed in double precision.
 *
 * @throws {RangeError} if there are no entries, or all are zero.
 *
 * @example
 * ```ts
 * import { matrixStatistics } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { meanMagnitude, norm, energyKept } = matrixStatistics(Float32Array.of(-3, 3, 3, -3));
 * assert.deepEqual([meanMagnitude, norm, energyKept], [3, 6, 1]);
 * ```
 */
export function matrixStatistics(values: Float32Array): MatrixStatistics {
  const count = values.length;
  let [magnitudes, squares, fourths, largest, positive] = [0, 0, 0, 0, 0];
  for (const value of values) {
    const magnitude = Math.abs(value);
    const square = value * value;
    magnitudes += magnitude;
    squares += square;
    fourths += square * square;
    if (magnitude > largest) largest = magnitude;
    if (value >= 0) positive++;
  }
  if (squares === 0) throw new RangeError("statistics need an entry that is not zero");
  const meanSquare = squares / count;
  return {
    count,
    meanMagnitude: magnitudes / count,
    rootMeanSquare: Math.sqrt(meanSquare),
    norm: Math.sqrt(squares),
    largest,
    positiveShare: positive / count,
    excessKurtosis: fourths / count / meanSquare ** 2 - 3,
    energyKept: (magnitudes / count) ** 2 / meanSquare,
  };
}
