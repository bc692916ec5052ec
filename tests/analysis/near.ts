import assert from "node:assert/strict";

/** Fails where `actual` is farther from `expected` than `tolerance`, or not a number. */
export function near(actual: number, expected: number, tolerance: number, what = ""): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `${what} ${actual} is not within ${tolerance} of ${expected}`,
  );
}
