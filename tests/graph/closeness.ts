/** How far computed numbers are from expected ones. */

import assert from "node:assert/strict";

/**
 * Largest |actual − expected| relative to |expected|, where an expected number below the root mean
 * square of all counts as that: float32 sums have no more digits than their largest terms leave.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  const numbers = Array.from(expected);
  const floor = Math.sqrt(numbers.reduce((sum, each) => sum + each * each, 0) / numbers.length);
  const errors = numbers.map((each, index) =>
    Math.abs(actual[index] - each) / (Math.max(Math.abs(each), floor) || 1)
  );
  return largest(errors);
}

/**
 * The same for what comes of terms of about 1: an expected number below 1 counts as that too, as what is
 * left of a difference has the rounding of its terms.
 */
export function errorOfTerms(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  const numbers = Array.from(expected);
  const squares = numbers.reduce((sum, each) => sum + each * each, 0);
  const floor = Math.max(1, Math.sqrt(squares / numbers.length));
  return largest(
    numbers.map((each, at) => Math.abs(actual[at] - each) / Math.max(Math.abs(each), floor)),
  );
}

/** Largest |actual − expected|. */
export function absoluteError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  return largest(Array.from(expected, (each, index) => Math.abs(actual[index] - each)));
}

/** Asserts that an error is at most `bound`; NaN is not. */
export function assertWithin(error: number, bound: number, label: string): void {
  assert.ok(error <= bound, `${label}: error ${error} is above ${bound}`);
}

/** The largest number, or NaN if one is NaN. */
function largest(numbers: number[]): number {
  return numbers.reduce((most, each) => Math.max(most, each), 0);
}
