import assert from "node:assert/strict";
import { elementCount, type FloatType, toFloat32 } from "../../../../lib/checkpoint/tensor.ts";
import { PART, RandomPair } from "../../../../lib/studies/embedded_pairs/shapes/random_pair.ts";
import { plainRandomPair } from "./plain_random_pair.ts";

const TYPES = ["F32", "F16", "BF16"] as const;

/** Σ of four uniform halves has this deviation; the two cubics make kurtosis 3 and 6 of it. */
const SIGMA = Math.sqrt((65536 ** 2 - 1) / 3);
const bend = (deviation: number, linear: number, cubic: number) =>
  [deviation * linear / SIGMA, deviation * cubic / SIGMA ** 3] as const;
const normal = (deviation: number) => bend(deviation, 0.9490355, 0.0186415);
const heavy = (deviation: number) => bend(deviation, 0.6412086, 0.1226132);

/** A whole tensor of both, as floats. */
async function tensor(
  name: string,
  shape: readonly number[],
  { dtype = "BF16" as FloatType, seed = 1 } = {},
) {
  const source = await RandomPair.open(dtype, seed);
  const [base, fine]: number[][] = [[], []];
  for (let begin = 0; begin < elementCount(shape); begin += PART) {
    const part = source.part(name, shape, begin);
    for (const [all, bytes] of [[base, part.base], [fine, part.fine]] as const) {
      for (const value of toFloat32({ dtype, shape, bytes: bytes.slice() })) all.push(value);
    }
  }
  return { base, fine };
}

function moments(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const power = (exponent: number) =>
    values.reduce((sum, value) => sum + (value - mean) ** exponent, 0) / values.length;
  const variance = power(2);
  return { mean, deviation: Math.sqrt(variance), kurtosis: power(4) / variance ** 2 };
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [ofA, ofB] = [moments(a), moments(b)];
  const products = a.map((value, i) => (value - ofA.mean) * (b[i] - ofB.mean));
  return moments(products).mean / (ofA.deviation * ofB.deviation);
}

function assertNear(value: number, expected: number, within: number): void {
  assert.ok(Math.abs(value - expected) <= within, `${value} is not ${expected} ± ${within}`);
}

for (const dtype of TYPES) {
  Deno.test(`${dtype} weights are the plain version's, past a block and in an odd number`, async () => {
    const shape = [3, 21_911];
    const deviation = 1.28 / Math.sqrt(21_911);
    const weights = { mean: 0, weights: normal(deviation), delta: heavy(0.075 * deviation) };
    assert.deepEqual(
      await tensor("some.weight", shape, { dtype, seed: 5 }),
      plainRandomPair(5, "some.weight", elementCount(shape), weights, dtype),
    );
    const gains = { mean: 1, weights: heavy(0.1), delta: heavy(0.0075) };
    assert.deepEqual(
      await tensor("norm.weight", [1001], { dtype, seed: 6 }),
      plainRandomPair(6, "norm.weight", 1001, gains, dtype),
    );
  });
}

Deno.test("weights are normal, what is added to them is of heavier tails", async () => {
  const { base, fine } = await tensor("a.weight", [400, 4096], { dtype: "F32" });
  // Of 1.6 million numbers a mean strays by 0.0008 deviations, a kurtosis of 6 by 0.02.
  const weights = moments(base);
  assertNear(weights.mean, 0, 4e-3 * 0.02);
  assertNear(weights.deviation, 0.02, 4e-3 * 0.02);
  assertNear(weights.kurtosis, 3, 0.02);
  const delta = moments(fine.map((value, i) => value - base[i]));
  assertNear(delta.deviation, 0.0015, 6e-3 * 0.0015);
  assertNear(delta.kurtosis, 6, 0.12);
});

Deno.test("rounding takes some of what a fine-tune changes away", async () => {
  const { base, fine } = await tensor("a.weight", [64, 4096]);
  const zeros = base.filter((value, i) => value === fine[i]).length / base.length;
  assert.ok(zeros > 0.01 && zeros < 0.1, `${zeros}`);
});

Deno.test("rows, tensors, seeds, blocks and the two of a pair are independent", async () => {
  const size = 1 << 16;
  const { base, fine } = await tensor("a.weight", [2, size], { dtype: "F32" });
  const row = (values: readonly number[], index: number) =>
    values.slice(index * size, (index + 1) * size);
  const others = {
    "the next row, which is another block": row(base, 1),
    "a row of the delta": row(fine.map((value, i) => value - base[i]), 0),
    "a neighbour": base.slice(1, size + 1),
    "a neighbour of the same lane": base.slice(4, size + 4),
    "another tensor": (await tensor("b.weight", [1, size], { dtype: "F32" })).base,
    "another seed": (await tensor("a.weight", [1, size], { dtype: "F32", seed: 2 })).base,
  };
  for (const [what, other] of Object.entries(others)) {
    // Of 65,536 independent pairs it strays by 0.004.
    assert.ok(Math.abs(correlation(row(base, 0), other)) < 0.02, what);
  }
});

Deno.test("a part is the same whatever was made before it", async () => {
  const shape = [3, PART];
  const source = await RandomPair.open("BF16", 1);
  const last = source.part("a.weight", shape, 2 * PART).base.slice();
  source.part("b.weight", [5], 0);
  source.part("a.weight", shape, 0);
  assert.deepEqual(source.part("a.weight", shape, 2 * PART).base.slice(), last);
});

Deno.test("a part outlives the one that is made after it", async () => {
  const source = await RandomPair.open("BF16", 1);
  const { base, fine } = source.part("a.weight", [64, 64], 0);
  const kept = [base.slice(), fine.slice()];
  source.part("b.weight", [64, 64], 0);
  assert.deepEqual([base, fine], kept);
});

Deno.test("biases lie about 0, and gains of norms about 1", async () => {
  const meanOf = async (name: string) => moments((await tensor(name, [5000])).base).mean;
  assertNear(await meanOf("model.layers.0.self_attn.q_proj.bias"), 0, 0.01);
  assertNear(await meanOf("model.layers.0.self_attn.q_norm.weight"), 1, 0.01);
});
