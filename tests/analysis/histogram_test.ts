import assert from "node:assert/strict";
import fc from "fast-check";
import { density, histogram } from "../../lib/analysis/histogram.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { near } from "./near.ts";

Deno.test("each entry is in the bin that holds it by its spread", () => {
  // Bins of 0.2: 0 begins the 31st, 1.1 lies in the 36th, 6 ends the last; 6.5 lies beyond.
  const { counts, beyond } = histogram(Float32Array.of(0, 2.2, 12, -12, 13, -14), 2);
  const filled = counts.flatMap((count, bin) => count ? [[bin, count]] : []);
  assert.deepEqual(filled, [[0, 1], [30, 1], [35, 1], [59, 1]]);
  assert.equal(beyond, 2);
});

Deno.test("no entry is lost", () => {
  fc.assert(fc.property(fc.float32Array({ noNaN: true, minLength: 1 }), (values) => {
    const { counts, beyond } = histogram(values, 1e10);
    assert.equal(counts.reduce((sum, each) => sum + each, beyond), values.length);
  }));
});

Deno.test("normal entries have the normal density; several histograms count as one", () => {
  const random = new SeededRandom(3);
  const draw = (spread: number) =>
    histogram(Float32Array.from({ length: 150_000 }, () => spread * random.normal()), spread);
  const bins = density([draw(0.01), draw(3)]);
  near(bins.reduce((sum, { from, to, density }) => sum + density * (to - from), 0), 1, 1e-4);
  for (const { from, to, density } of bins) {
    const middle = (from + to) / 2;
    near(density, Math.exp(-middle * middle / 2) / Math.sqrt(2 * Math.PI), 0.006, `at ${middle}`);
  }
});

Deno.test("entries beyond the bins make the density in them smaller", () => {
  const [one, two] = [Float32Array.of(0), Float32Array.of(0, 100)]
    .map((values) => density([histogram(values, 1)])[30].density);
  near(one, 5, 1e-12);
  near(two, 2.5, 1e-12);
});

Deno.test("a spread must be positive", () => {
  for (const spread of [0, -1, NaN]) {
    assert.throws(() => histogram(Float32Array.of(1), spread), /positive spread/);
  }
});
