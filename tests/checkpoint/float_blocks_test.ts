/** The kernels against the slow conversions of `tensor.ts`, and against plain arithmetic. */

import assert from "node:assert/strict";
import { areFinite, differenceInto, widenInto } from "../../lib/checkpoint/float_blocks.ts";
import {
  BEYOND_SLOTS,
  BLOCK,
  floatKernels,
  growBeyondSlots,
} from "../../lib/checkpoint/float_kernels.ts";
import {
  ELEMENT_SIZES,
  type FloatType,
  fromFloat32,
  type RawTensor,
  toFloat32,
} from "../../lib/checkpoint/tensor.ts";
import { SeededRandom } from "../../lib/util/random.ts";

const kernels = await floatKernels();

/** A tensor on memory that threads share, at an odd place of it. */
function shared({ dtype, shape, bytes }: RawTensor): RawTensor {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length + 6)).subarray(6);
  memory.set(bytes);
  return { dtype, shape, bytes: memory };
}

function tensor(dtype: FloatType, bytes: Uint8Array): RawTensor {
  return { dtype, shape: [bytes.length / ELEMENT_SIZES[dtype]], bytes };
}

/** All halves there are, each once. */
const halves = new Uint8Array(Uint16Array.from({ length: 2 ** 16 }, (_, half) => half).buffer);

/** Bits, so that zeros are told apart; a NaN is one whatever it says. */
function bits(values: Float32Array): Uint32Array {
  const words = new Uint32Array(values.slice().buffer);
  return words.map((word) => (word & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : word);
}

for (const dtype of ["BF16", "F16"] as const) {
  Deno.test(`every ${dtype} is widened exactly`, () => {
    const raw = shared(tensor(dtype, halves));
    const widened = new Float32Array(2 ** 16);
    widenInto(kernels, raw, widened);
    assert.deepEqual(bits(widened), bits(toFloat32(tensor(dtype, halves))));
  });

  Deno.test(`a NaN of ${dtype} keeps its payload`, () => {
    const raw = tensor(dtype, new Uint8Array(Uint16Array.of(0xffc1, 0x7fc3).buffer));
    const widened = new Float32Array(2);
    widenInto(kernels, raw, widened);
    const words = [...new Uint32Array(widened.buffer)].map((word) => word >>> 0);
    assert.deepEqual(
      words,
      dtype === "BF16" ? [0xffc10000, 0x7fc30000] : [0xfff82000, 0x7ff86000],
    );
  });
}

Deno.test("any stretch of a tensor of any length is widened, and nothing beside it is written", () => {
  const random = new SeededRandom(1);
  for (const dtype of ["F32", "F16", "BF16"] as const) {
    const length = 2 * BLOCK + 13;
    const values = Float32Array.from({ length }, () => random.normal());
    const raw = shared(tensor(dtype, fromFloat32(values, dtype)));
    const expected = toFloat32(tensor(dtype, fromFloat32(values, dtype)));
    for (const [first, count] of [[0, length], [3, 1], [7, BLOCK], [BLOCK - 1, 5], [length, 0]]) {
      const memory = new Float32Array(count + 2).fill(7);
      widenInto(kernels, raw, memory.subarray(1, count + 1), first);
      assert.deepEqual(memory.subarray(1, count + 1), expected.subarray(first, first + count));
      assert.deepEqual([memory[0], memory[count + 1]], [7, 7]);
    }
  }
});

/** Floats whose rounding is hard: near each half of both types, halves between two, the ends and beyond. */
function hardFloats(): Float32Array {
  const words: number[] = [];
  for (let half = 0; half < 2 ** 16; half += 7) {
    for (const nudge of [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]) words.push(half * 2 ** 16 + nudge);
  }
  const random = new SeededRandom(2);
  for (let exponent = 0; exponent < 256; exponent++) {
    for (const low of [0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x3001]) {
      for (const sign of [0, 2 ** 31]) {
        const high = Math.floor(random.uniform() * 2 ** 9) * 2 ** 14;
        words.push(sign + exponent * 2 ** 23 + high + low);
      }
    }
  }
  return new Float32Array(Uint32Array.from(words).buffer);
}

Deno.test("differences are subtracted and rounded as one by one, their signs with them", () => {
  const fineValues = hardFloats();
  const fine = tensor("F32", fromFloat32(fineValues, "F32"));
  const zeros = tensor("F32", new Uint8Array(fine.bytes.length));
  const others = tensor("F32", fromFloat32(fineValues.toReversed(), "F32"));
  for (const type of ["F32", "F16", "BF16"] as const) {
    for (const base of [zeros, others, fine]) {
      const baseValues = toFloat32(base);
      const plain = fineValues.map((each, index) => each - baseValues[index]);
      const expected = toFloat32(tensor(type, fromFloat32(plain, type)));
      const [delta, noZero, withZero] = [0, 1, 2].map(() => new Float32Array(plain.length));
      const signs = { 0: withZero, 1: noZero };
      differenceInto(kernels, { fine, base: shared(base), type }, { delta, signs });
      assert.deepEqual(bits(delta), bits(expected), type);
      const numbers = (zero: number) => expected.map((each) => Math.sign(each) || zero);
      assert.deepEqual(withZero.map((each) => each + 0), numbers(0));
      assert.deepEqual(noZero.map((each) => each + 0), numbers(1));
      const alone = new Float32Array(plain.length);
      differenceInto(kernels, { fine, base, type }, { signs: { 1: alone } });
      assert.deepEqual(alone, noZero);
    }
  }
});

Deno.test("differences of two types are those of their floats", () => {
  const [fine, base] = [tensor("BF16", halves), tensor("F16", halves.toReversed())];
  const [fineValues, baseValues] = [fine, base].map(toFloat32);
  const delta = new Float32Array(fineValues.length);
  differenceInto(kernels, { fine, base, type: "F32" }, { delta });
  const expected = fineValues.map((each, index) => each - baseValues[index]);
  assert.deepEqual(bits(delta), bits(expected));
});

/** An array in the kernels' memory, some way into it. */
function inMemory(count: number, place: number): Float32Array {
  assert.ok(growBeyondSlots(kernels, 64 * place + 4 * count + 64));
  return new Float32Array(kernels.memory.buffer, BEYOND_SLOTS + 64 * place, count);
}

Deno.test("what is wanted in the kernels' memory is made there", () => {
  const random = new SeededRandom(3);
  const count = 2 * BLOCK + 5;
  const place = Math.ceil(count / 16);
  inMemory(count, 2 * place);
  const [delta, noZero, withZero] = [0, 1, 2].map((index) => inMemory(count, index * place));
  const [fine, base] = [1, 2].map(() => {
    const values = Float32Array.from({ length: count }, () => Math.round(4 * random.normal()));
    return tensor("BF16", fromFloat32(values, "BF16"));
  });
  differenceInto(kernels, { fine, base, type: "BF16" }, {
    delta,
    signs: { 0: withZero, 1: noZero },
  });
  const baseValues = toFloat32(base);
  const expected = toFloat32(fine).map((each, index) => each - baseValues[index]);
  assert.deepEqual(delta, expected);
  assert.deepEqual(withZero, expected.map((each) => Math.sign(each) + 0));
  assert.deepEqual(noZero, expected.map((each) => Math.sign(each) || 1));
  widenInto(kernels, fine, delta);
  assert.deepEqual(delta, toFloat32(fine));
});

Deno.test("more memory than WebAssembly has is not given", () => {
  assert.equal(growBeyondSlots(kernels, 2 ** 32), false);
});

Deno.test("values are finite where each is, wherever they lie", () => {
  for (const length of [0, 3, 8, 2 * BLOCK + 7]) {
    for (const values of [inMemory(length, 0), new Float32Array(length)]) {
      values.fill(3e38);
      // What comes after them is none of them.
      if (values.buffer === kernels.memory.buffer) inMemory(length + 1, 0)[length] = NaN;
      assert.ok(areFinite(kernels, values));
      for (const [at, value] of [[0, NaN], [length - 1, Infinity], [length >> 1, -Infinity]]) {
        if (length === 0) continue;
        values[at] = value;
        assert.ok(!areFinite(kernels, values), `${value} at ${at} of ${length}`);
        values[at] = -3e38;
      }
    }
  }
});

Deno.test("what is no float is refused", () => {
  const raw: RawTensor = { dtype: "I32", shape: [1], bytes: new Uint8Array(4) };
  assert.throws(() => widenInto(kernels, raw, new Float32Array(1)), /cannot read I32 as floats/);
});
