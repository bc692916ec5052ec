/** Rounding against numbers rounded one by one by the definition of their format, and what it keeps against sums in plain loops. */

import assert from "node:assert/strict";
import { BEYOND_SLOTS, floatKernels, growBeyondSlots } from "../../lib/checkpoint/float_kernels.ts";
import { keptOf, roundInto } from "../../lib/checkpoint/rounded_blocks.ts";
import { float32Tensor, type FloatType, fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { plainEncode, plainRound } from "./plain_floats.ts";

const kernels = await floatKernels();

/** Numbers of every size, with those between two of a format, its largest, and zeros of both signs. */
function numbers(count: number, seed: number): Float32Array {
  const random = new SeededRandom(seed);
  const edges = [0, -0, 2 ** -24, 2 ** -25, 3 * 2 ** -25, -(2 ** -14), 65504, -65519, 1 + 2 ** -8];
  return Float32Array.from({ length: count }, (_, index) => {
    const size = 2 ** Math.floor(30 * random.uniform() - 26);
    return index < edges.length ? edges[index] : random.normal() * size;
  });
}

for (const dtype of ["BF16", "F16"] as const) {
  Deno.test(`floats are narrowed to ${dtype} as its definition rounds them`, () => {
    for (const length of [1, 7, 9, 1000, 33_001]) {
      const values = numbers(length, length);
      const into = new Uint8Array(2 * length + 2).fill(7);
      assert.equal(roundInto(kernels, values, dtype, into.subarray(0, 2 * length)), null);
      const expected = Uint16Array.from(values, (value) => plainEncode(value, dtype));
      assert.deepEqual(new Uint16Array(into.slice(0, 2 * length).buffer), expected);
      assert.deepEqual([...into.subarray(2 * length)], [7, 7]);
    }
  });
}

Deno.test("of numbers that a type cannot hold the first is told, wherever it lies", () => {
  for (const [dtype, value] of [["F16", 65520], ["BF16", 3.4e38], ["F32", Infinity]] as const) {
    for (const at of [0, 5, 40_000]) {
      const values = new Float32Array(40_002);
      values[at] = values[40_001] = value;
      const into = new Uint8Array(4 * values.length);
      const stored = Math.fround(value);
      assert.deepEqual(roundInto(kernels, values, dtype, into), { element: at, value: stored });
    }
  }
  // Only 65520 and more are infinite in float16.
  const largest = Float32Array.of(65519.99);
  assert.equal(roundInto(kernels, largest, "F16", new Uint8Array(2)), null);
});

Deno.test("a tensor of another type is rounded from its own numbers", () => {
  const values = numbers(40_003, 3);
  for (const from of ["F32", "F16", "BF16"] as const) {
    const raw = { dtype: from, shape: [40_003], bytes: fromFloat32(values, from) };
    const into = new Uint8Array(2 * values.length);
    roundInto(kernels, raw, "BF16", into);
    const held = from === "F32" ? values : values.map((value) => plainRound(value, from));
    const expected = Uint16Array.from(held, (value) => plainEncode(value, "BF16"));
    assert.deepEqual(new Uint16Array(into.buffer), expected);
  }
});

Deno.test("what rounding keeps of a change is counted as in a plain loop, in the kernels' memory and elsewhere", () => {
  const random = new SeededRandom(4);
  for (const [dtype, length] of [["BF16", 40_001], ["F16", 40_002], ["F32", 6]] as const) {
    const base = Float32Array.from({ length }, () => 0.02 * random.normal());
    const stored = { dtype: "BF16", shape: [length], bytes: fromFloat32(base, "BF16") } as const;
    const held = base.map((value) => plainRound(value, "BF16"));
    const whole = held.map((value) => value + (random.uniform() < 0.5 ? 3e-5 : -3e-5));
    const round = (value: number) => dtype === "F32" ? value : plainRound(value, dtype);
    let [energy, product, moved] = [0, 0, 0];
    whole.forEach((value, index) => {
      const change = Math.fround(value - held[index]);
      const left = round(value) - round(held[index]);
      energy += change ** 2;
      product += change * left;
      if (left !== 0) moved++;
    });
    growBeyondSlots(kernels, 4 * (length + 8));
    const inside = new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, length);
    inside.set(whole);
    for (const weights of [whole, inside]) {
      const found = keptOf(kernels, weights, stored, dtype);
      assert.deepEqual([found.moved, found.count], [moved, length]);
      assert.ok(Math.abs(found.energy / energy - 1) < 1e-9);
      assert.ok(Math.abs(found.product - product) < 1e-6 * energy);
    }
    if (dtype === "BF16") assert.ok(moved > 0 && moved < length);
  }
});

Deno.test("a change below half the spacing of bfloat16 is gone, one of a whole spacing stays", () => {
  const length = 64;
  const base = float32Tensor(new Float32Array(length).fill(1), [length]);
  const kept = (change: number, dtype: FloatType) => {
    const { energy, product, moved } = keptOf(
      kernels,
      new Float32Array(length).fill(1 + change),
      base,
      dtype,
    );
    return [product / energy, moved];
  };
  assert.deepEqual(kept(2 ** -9, "BF16"), [0, 0]);
  assert.deepEqual(kept(2 ** -7, "BF16"), [1, length]);
  assert.deepEqual(kept(2 ** -9, "F32"), [1, length]);
  // Three quarters of a spacing go up to a whole one.
  assert.deepEqual(kept(3 * 2 ** -9, "BF16"), [4 / 3, length]);
});
