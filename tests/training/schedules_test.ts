import assert from "node:assert/strict";
import fc from "fast-check";
import { cosineSchedule, warmUpAndCosineSchedule } from "../../lib/training/schedules.ts";

const runs = fc.record({
  totalSteps: fc.integer({ min: 1, max: 400 }),
  initial: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  share: fc.double({ min: 0, max: 1, noNaN: true }),
});

Deno.test("the schedule follows torch's recursion", () => {
  fc.assert(fc.property(runs, ({ totalSteps, initial, share }) => {
    const minimum = share * initial;
    let rate = initial;
    for (let step = 0; step < totalSteps; step++) {
      const given = cosineSchedule(totalSteps, initial, minimum)(step);
      assert.ok(Math.abs(given - rate) <= 1e-9 * initial, `step ${step}: ${given} and ${rate}`);
      const factor = (1 + Math.cos((step + 1) * Math.PI / totalSteps)) /
        (1 + Math.cos(step * Math.PI / totalSteps));
      rate = minimum + (rate - minimum) * factor;
    }
  }));
});

Deno.test("it starts at the initial rate, passes the mean half way and ends at the minimum", () => {
  assert.equal(cosineSchedule(250, 1e-4)(0), 1e-4);
  assert.ok(Math.abs(cosineSchedule(250, 1e-4, 2e-5)(125) - 6e-5) < 1e-18);
  assert.equal(cosineSchedule(250, 1e-4, 2e-5)(250), 2e-5);
  assert.equal(cosineSchedule(250, 1e-4)(250), 0);
});

Deno.test("a warm-up rises to the peak in equal parts, and the cosine falls to a tenth of it", () => {
  const rate = warmUpAndCosineSchedule(108, 8, 0.5);
  assert.deepEqual([0, 1, 7].map(rate), [0.5 / 8, 0.5 / 4, 0.5]);
  assert.deepEqual([8, 58, 108].map((step) => Math.round(1e9 * rate(step)) / 1e9), [
    0.5,
    0.275,
    0.05,
  ]);
  assert.equal(warmUpAndCosineSchedule(10, 0, 0.5)(0), 0.5);
});
