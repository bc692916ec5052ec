import assert from "node:assert/strict";
import fc from "fast-check";
import { matrixStatistics } from "../../lib/analysis/matrix_statistics.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { near } from "./near.ts";

Deno.test("statistics of a few entries, worked out by hand", () => {
  // |Δ|: 3, 1, 0, 4; squares 9, 1, 0, 16; fourth powers 81, 1, 0, 256.
  const statistics = matrixStatistics(Float32Array.of(-3, 1, 0, 4));
  assert.deepEqual(statistics, {
    count: 4,
    meanMagnitude: 2,
    rootMeanSquare: Math.sqrt(6.5),
    norm: Math.sqrt(26),
    largest: 4,
    positiveShare: 0.75,
    excessKurtosis: 84.5 / 6.5 ** 2 - 3,
    energyKept: 4 / 6.5,
  });
});

Deno.test("entries of one magnitude keep all their energy in their signs", () => {
  const { energyKept, excessKurtosis } = matrixStatistics(Float32Array.of(0.5, -0.5, -0.5));
  assert.deepEqual([energyKept, excessKurtosis], [1, -2]);
});

const distributions = [
  { name: "normal", draw: (r: SeededRandom) => r.normal(), kept: 2 / Math.PI, kurtosis: 0 },
  {
    name: "Laplace's",
    draw: (r: SeededRandom) => -Math.log(r.uniform()) * (r.integer(2) ? 1 : -1),
    kept: 1 / 2,
    kurtosis: 3,
  },
  { name: "uniform", draw: (r: SeededRandom) => 2 * r.uniform() - 1, kept: 3 / 4, kurtosis: -1.2 },
];

for (const { name, draw, kept, kurtosis } of distributions) {
  Deno.test(`energy kept and kurtosis of ${name} entries are the distribution's own`, () => {
    const random = new SeededRandom(1);
    const values = Float32Array.from({ length: 200_000 }, () => draw(random));
    const statistics = matrixStatistics(values);
    near(statistics.energyKept, kept, 0.005);
    near(statistics.excessKurtosis, kurtosis, 0.15);
    near(statistics.positiveShare, 0.5, 0.005);
  });
}

Deno.test("energy kept is what is left of ‖Δ‖² when mean|Δ| · S is taken away", () => {
  const entry = fc.float({ min: Math.fround(-10), max: 10, noNaN: true });
  const entries = fc.array(entry, { minLength: 1 }).filter((all) =>
    all.some((each) => Math.abs(each) > 0.01)
  );
  fc.assert(fc.property(entries, (all) => {
    const values = Float32Array.from(all);
    const { norm, meanMagnitude, energyKept } = matrixStatistics(values);
    const left = values.reduce(
      (sum, each) => sum + (each - meanMagnitude * (each < 0 ? -1 : 1)) ** 2,
      0,
    );
    near(energyKept, 1 - left / norm ** 2, 1e-9);
  }));
});

Deno.test("nothing but zeros has no statistics", () => {
  assert.throws(() => matrixStatistics(new Float32Array(4)), /an entry that is not zero/);
  assert.throws(() => matrixStatistics(new Float32Array(0)), /an entry that is not zero/);
});
