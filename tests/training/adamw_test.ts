import assert from "node:assert/strict";
import fc from "fast-check";
import { AdamW, torchAdamW } from "../../lib/training/adamw.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { drawnSteps, plainEnd, SETTINGS } from "./plain_adamw.ts";

for (const settings of SETTINGS) {
  Deno.test(`AdamW is the paper's algorithm: ${JSON.stringify(settings)}`, () => {
    const steps = 60;
    const [first, second] = [drawnSteps(1, steps), drawnSteps(2, steps)];
    const wanted = [...plainEnd(first, settings), ...plainEnd(second, settings)];
    const optimizer = new AdamW(new Map([["1", first.start], ["2", second.start]]), settings);
    for (const [step, rate] of first.rates.entries()) {
      optimizer.step((name) => (name === "1" ? first : second).gradients[step], rate);
    }
    assert.equal(optimizer.stepCount, steps);
    assertWithin(relativeError([...first.start, ...second.start], wanted), 2e-6, "parameters");
  });
}

Deno.test("the first step is η(sign(g) + λθ), up to ε", () => {
  const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  fc.assert(fc.property(
    number(-2, 2),
    fc.oneof(number(-100, -1e-3), number(1e-3, 100)),
    number(1e-5, 0.1),
    number(0, 0.5),
    (theta, gradient, rate, weightDecay) => {
      const parameter = Float32Array.of(theta);
      const settings = { ...torchAdamW, weightDecay };
      const g = Math.fround(gradient);
      new AdamW(new Map([["x", parameter]]), settings).step(() => Float32Array.of(g), rate);
      const start = Math.fround(theta);
      const expected = start - rate * (g / (Math.abs(g) + settings.epsilon) + weightDecay * start);
      assert.ok(Math.abs(parameter[0] - expected) <= 2 ** -23 * (Math.abs(expected) + rate));
    },
  ));
});

Deno.test("without a gradient only the weight decays", () => {
  const parameter = Float32Array.of(1, -3);
  const optimizer = new AdamW(new Map([["x", parameter]]), torchAdamW);
  for (let step = 0; step < 10; step++) optimizer.step(() => new Float32Array(2), 0.1);
  const kept = (1 - 0.1 * 0.01) ** 10;
  assertWithin(relativeError(parameter, [kept, -3 * kept]), 1e-6, "decayed");
});
