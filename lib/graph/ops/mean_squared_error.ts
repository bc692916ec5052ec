/** `meanSquaredError`: the distillation loss of BitDelta, with a weight for each row. */

import { requireShapes, sameShape, type Value } from "../graph.ts";
import { matmul } from "./matmul.ts";
import { mean } from "./mean.ts";
import { multiply } from "./multiply.ts";
import { subtract } from "./subtract.ts";

/**
 * Σₜ wₜ · mean((aₜ − bₜ)²), a scalar. With wₜ = 1/rows it is the mean over all elements; a weight of 0
 * leaves a row out.
 *
 * @param a `[rows, columns]`
 * @param b `[rows, columns]`
 * @param rowWeights `[1, rows]`
 */
export function meanSquaredError(a: Value, b: Value, rowWeights: Value): Value {
  requireShapes(
    a.shape.length === 2 && sameShape(a.shape, b.shape) &&
      sameShape(rowWeights.shape, [1, a.shape[0]]),
    "meanSquaredError",
    [a, b, rowWeights],
    "two values [rows, columns] and weights [1, rows]",
  );
  const difference = subtract(a, b);
  return mean(matmul(rowWeights, multiply(difference, difference)));
}
