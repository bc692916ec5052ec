import assert from "node:assert/strict";
import fc from "fast-check";
import { cosineLearningRate } from "../../lib/training/cosine_schedule.ts";

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
      const given = cosineLearningRate(step, totalSteps, initial, minimum);
      assert.ok(Math.abs(given - rate) <= 1e-9 * initial, `step ${step}: ${given} and ${rate}`);
      const factor = (1 + Math.cos((step + 1) * Math.PI / totalSteps)) /
        (1 + Math.cos(step * Math.PI / totalSteps));
      rate = minimum + (rate - minimum) * factor;
    }
  }));
});

Deno.test("it starts at the initial rate, passes the mean half way and ends at the minimum", () => {
  assert.equal(cosineLearningRate(0, 250, 1e-4), 1e-4);
  assert.ok(Math.abs(cosineLearningRate(125, 250, 1e-4, 2e-5) - 6e-5) < 1e-18);
  assert.equal(cosineLearningRate(250, 250, 1e-4, 2e-5), 2e-5);
  assert.equal(cosineLearningRate(250, 250, 1e-4), 0);
});
