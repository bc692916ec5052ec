import assert from "node:assert/strict";
import fc from "fast-check";
import { AdamW, type AdamWSettings, torchAdamW } from "../../lib/training/adamw.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";

const SETTINGS: AdamWSettings[] = [
  torchAdamW,
  { betas: [0.9, 0.95], epsilon: 1e-8, weightDecay: 0.1 },
  { betas: [0.5, 0.8], epsilon: 1e-3, weightDecay: 0 },
];

/** One parameter through Loshchilov & Hutter's algorithm 2, line by line, in float64. */
function plainAdamW(
  start: number,
  gradients: readonly number[],
  rates: readonly number[],
  { betas: [beta1, beta2], epsilon, weightDecay }: AdamWSettings,
): number {
  let [theta, m, v] = [start, 0, 0];
  gradients.forEach((g, index) => {
    const t = index + 1;
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g ** 2;
    const mHat = m / (1 - Math.pow(beta1, t));
    const vHat = v / (1 - Math.pow(beta2, t));
    theta -= rates[index] * (mHat / (Math.sqrt(vHat) + epsilon) + weightDecay * theta);
  });
  return theta;
}

for (const settings of SETTINGS) {
  Deno.test(`AdamW is the paper's algorithm: ${JSON.stringify(settings)}`, () => {
    const random = new SeededRandom(1);
    const steps = 60;
    const rates = Array.from({ length: steps }, () => 0.01 * random.uniform());
    // Gradients of very different sizes, some of them 0.
    const sizes = [1e-6, 1e-2, 1, 300, 0];
    const draw = () => sizes.map((size) => Math.fround(size * random.normal()));
    const [first, second] = [draw(), draw()].map((values) =>
      Float32Array.from(values, (x) => x + 1)
    );
    const gradients = Array.from({ length: steps }, () => ({ first: draw(), second: draw() }));
    const expected = (name: "first" | "second", start: Float32Array) =>
      [...start].map((theta, i) =>
        plainAdamW(theta, gradients.map((g) => g[name][i]), rates, settings)
      );
    const wanted = [...expected("first", first), ...expected("second", second)];

    const optimizer = new AdamW(new Map([["first", first], ["second", second]]), settings);
    gradients.forEach((each, step) => {
      optimizer.step((name) => Float32Array.from(each[name as "first" | "second"]), rates[step]);
    });
    assert.equal(optimizer.stepCount, steps);
    assertWithin(relativeError([...first, ...second], wanted), 2e-6, "parameters");
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
