import assert from "node:assert/strict";
import { medianAndRange } from "../../../lib/experiments/timing.ts";
import {
  allHold,
  bare,
  differenceOf,
  isAbove,
  isAtLeast,
  isBelow,
  negated,
  ratioOf,
} from "../../../lib/studies/activation_aware_bitdelta/verdict.ts";

const interval = (low: number, value: number, high: number) => ({ low, value, high });

Deno.test("a number is below a bound, is not, or is parted by it", () => {
  assert.equal(isBelow(interval(-3, -2, -1), 0), true);
  assert.equal(isBelow(interval(1, 2, 3), 0), false);
  assert.equal(isBelow(interval(-1, 0.5, 3), 0), null);
  // An end on the bound is not beyond it.
  assert.equal(isBelow(interval(-2, -1, 0), 0), null);
  assert.equal(isBelow(interval(0, 1, 2), 0), false);
});

Deno.test("a number that came alone counts as it stands", () => {
  assert.deepEqual([-1, 0, 1].map((value) => isBelow(bare(value), 0)), [true, false, false]);
  assert.deepEqual([-1, 0, 1].map((value) => isAbove(bare(value), 0)), [false, false, true]);
  assert.deepEqual([1.4, 1.5, 1.6].map((value) => isAtLeast(bare(value), 1.5)), [
    false,
    true,
    true,
  ]);
});

Deno.test("above and at least are below, turned about", () => {
  assert.deepEqual(negated(interval(-1, 2, 5)), interval(-5, -2, 1));
  assert.equal(isAbove(interval(1, 2, 3), 0), true);
  assert.equal(isAbove(interval(0, 2, 3), 0), null);
  assert.equal(isAbove(interval(-3, -2, 0), 0), false);
  assert.equal(isAtLeast(interval(1.5, 2, 3), 1.5), true);
  assert.equal(isAtLeast(interval(1.4, 2, 3), 1.5), null);
});

Deno.test("one that does not hold decides, then one that cannot be told; of nothing nothing is told", () => {
  assert.equal(allHold([true, null, false]), false);
  assert.equal(allHold([true, null]), null);
  assert.equal(allHold([true, true]), true);
  assert.equal(allHold([]), null);
});

Deno.test("the ends of a difference of two numbers lie as far as a right angle's long side", () => {
  // 3² + 4² = 5² below, 5² + 12² = 13² above.
  const difference = differenceOf(interval(7, 10, 15), interval(-8, 4, 8));
  assert.deepEqual(difference, interval(1, 6, 19));
  // Of equal normal intervals it is √2 times as wide, not twice.
  const { low, high } = differenceOf(interval(-1, 0, 1), interval(-1, 0, 1));
  assert.deepEqual([low, high], [-Math.SQRT2, Math.SQRT2]);
});

Deno.test("a ratio of times goes from the fastest by the slowest to the reverse", () => {
  assert.deepEqual(ratioOf(interval(12, 15, 60), interval(0.2, 0.3, 0.4)), {
    value: 15 / 0.3,
    low: 12 / 0.4,
    high: 60 / 0.2,
  });
});

Deno.test("the median of a timing does not move by one slow repeat", () => {
  assert.deepEqual(medianAndRange([15.3, 57.6, 14.9]), interval(14.9, 15.3, 57.6));
  assert.deepEqual(medianAndRange([2]), bare(2));
});
