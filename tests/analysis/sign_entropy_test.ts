import assert from "node:assert/strict";
import fc from "fast-check";
import { binaryEntropy, fairCoinEntropy, signEntropy } from "../../lib/analysis/sign_entropy.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { near } from "./near.ts";

Deno.test("binary entropy: nothing at the ends, a bit in the middle, alike on both sides", () => {
  assert.deepEqual([0, 1, 0.5].map(binaryEntropy), [0, 0, 1]);
  // H(1/4) = 2 − (3/4) log₂ 3.
  near(binaryEntropy(0.25), 2 - 0.75 * Math.log2(3), 1e-15);
  fc.assert(fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (p) => {
    near(binaryEntropy(p), binaryEntropy(1 - p), 1e-12);
  }));
});

Deno.test("signs that are all alike hold nothing; zeros count as +1", () => {
  const alike = { overall: 0, byRow: 0, byColumn: 0, afterNeighbour: 0 };
  assert.deepEqual(signEntropy(Float32Array.of(1, 0, 3, 0, 2, 5), [2, 3]), alike);
  assert.deepEqual(signEntropy(Float32Array.of(-1, -2), [1, 2]), alike);
});

Deno.test("rows of one sign each: a bit overall, none within a row or after a neighbour", () => {
  const delta = Float32Array.of(1, 1, 1, -1, -1, -1);
  const expected = { overall: 1, byRow: 0, byColumn: 1, afterNeighbour: 0 };
  assert.deepEqual(signEntropy(delta, [2, 3]), expected);
});

Deno.test("signs that alternate: a bit by row and column, none after a neighbour", () => {
  const delta = Float32Array.from(
    { length: 64 },
    (_, at) => (at + Math.floor(at / 8)) % 2 ? 1 : -1,
  );
  const expected = { overall: 1, byRow: 1, byColumn: 1, afterNeighbour: 0 };
  assert.deepEqual(signEntropy(delta, [8, 8]), expected);
});

Deno.test("a row of fair, independent signs holds what fair coins hold", () => {
  const random = new SeededRandom(1);
  const [outSize, inSize] = [400, 100];
  const delta = Float32Array.from({ length: outSize * inSize }, () => random.integer(2) - 0.5);
  const signs = signEntropy(delta, [outSize, inSize]);
  near(signs.byRow, fairCoinEntropy(inSize), 0.001);
  near(signs.byColumn, fairCoinEntropy(outSize), 0.001);
  near(signs.overall, 1, 0.001);
  near(signs.afterNeighbour, 1, 0.001);
});

Deno.test("signs that repeat their neighbour nine times in ten hold H(0.1) after it", () => {
  const random = new SeededRandom(2);
  let sign = 1;
  const delta = Float32Array.from({ length: 100_000 }, () => {
    if (random.uniform() < 0.1) sign = -sign;
    return sign;
  });
  near(signEntropy(delta, [1, delta.length]).afterNeighbour, binaryEntropy(0.1), 0.01);
});

Deno.test("fair coins: one toss tells nothing, two half a bit, many nearly one", () => {
  near(fairCoinEntropy(1), 0, 1e-15);
  // One toss of each side half the time, worth a bit; else nothing.
  near(fairCoinEntropy(2), 0.5, 1e-12);
  // A split of 1 and 2 three times in four.
  near(fairCoinEntropy(3), 0.75 * binaryEntropy(1 / 3), 1e-12);
  near(fairCoinEntropy(5000), 1 - 1 / (2 * 5000 * Math.LN2), 1e-7);
});
