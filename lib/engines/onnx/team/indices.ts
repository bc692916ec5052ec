/** What is checked of vectors of whole numbers that name rows of tables. */

import { GraphError } from "../../../util/errors.ts";
import { toInt32 } from "../../../checkpoint/tensor.ts";
import { StoredNumbers } from "../placed.ts";
import type { Given } from "./given.ts";

/** A vector of whole numbers, as it was given. */
export function wholesOf(given: Given): Int32Array {
  if (given instanceof Int32Array) return given;
  if (given instanceof StoredNumbers && "dtype" in given.tensor) return toInt32(given.tensor);
  throw new TypeError("expected whole numbers");
}

/**
 * Checks that each of some whole numbers lies in a range.
 *
 * @throws {GraphError} that names the first one that does not.
 */
export function requireIndices(
  operation: string,
  what: string,
  indices: Iterable<number>,
  least: number,
  count: number,
): void {
  for (const index of indices) {
    if (index >= least && index < count) continue;
    throw new GraphError({
      operation,
      problem: `there is no such ${what}`,
      value: index,
      expected: `${least} to ${count - 1}`,
    });
  }
}
