import assert from "node:assert/strict";
import fc from "fast-check";
import { ELEMENT_SIZES, type FloatType, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import { extractSigns } from "../../lib/delta/extract_job.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { plainEncode } from "../checkpoint/plain_floats.ts";
import { maskDigits, plainDelta, plainMask } from "../codecs/plain_signs.ts";

const TYPES = ["F32", "F16", "BF16"] as const;

/** Bits of finite numbers of a type, among them zeros of either sign, subnormals and neighbours. */
function finiteBits(dtype: FloatType): fc.Arbitrary<number> {
  if (dtype === "F32") {
    const any = fc.integer({ min: 0, max: 0xffffffff }).map((bits) => bits & ~0x40000000 >>> 0);
    return fc.oneof(fc.constantFrom(0, 0x80000000, 1, 0x80000001, 0x3f800000, 0x3f800001), any);
  }
  // With the highest bit of the exponent clear, no difference overflows.
  const any = fc.integer({ min: 0, max: 0xffff }).map((bits) => bits & 0xbfff);
  return fc.oneof(fc.constantFrom(0, 0x8000, 1, 0x8001, 0x3c00, 0x3c01), any);
}

function tensorOf(dtype: FloatType, shape: readonly number[], bits: readonly number[]): RawTensor {
  const words = ELEMENT_SIZES[dtype] === 4 ? Uint32Array.from(bits) : Uint16Array.from(bits);
  return { dtype, shape, bytes: new Uint8Array(words.buffer) };
}

/** Finite numbers of any size. */
function randomTensor(dtype: FloatType, shape: [number, number], seed: number): RawTensor {
  const random = new SeededRandom(seed);
  const highest = dtype === "F32" ? 2 ** 32 : 2 ** 16;
  const withoutHighestExponentBit = ~(highest / 4);
  const bits = Array.from(
    { length: shape[0] * shape[1] },
    () => random.integer(highest) & withoutHighestExponentBit,
  );
  return tensorOf(dtype, shape, bits);
}

async function assertExtracts(base: RawTensor, fine: RawTensor): Promise<void> {
  const [outSize, inSize] = fine.shape;
  const delta = plainDelta(base, fine);
  const { mask, meanMagnitude } = await extractSigns(base, fine);
  const words = maskDigits(mask);
  const expectedWords = plainMask(delta, outSize, inSize);
  assert.equal(words.length, expectedWords.length);
  words.forEach((word, i) => assert.equal(word, expectedWords[i], `word ${i}`));
  const expected = delta.reduce((sum, value) => sum + Math.abs(value), 0) / delta.length;
  const error = Math.abs(meanMagnitude - expected);
  assert.ok(error <= 2e-7 * expected, `${meanMagnitude} is not ${expected}`);
}

for (const baseType of TYPES) {
  for (const fineType of TYPES) {
    Deno.test(`${fineType} − ${baseType} gives the plain version's bits and mean`, async () => {
      const shapes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 70 }));
      const pairs = shapes.chain((shape) => {
        const count = shape[0] * shape[1];
        const limits = { minLength: count, maxLength: count };
        return fc.record({
          base: fc.array(finiteBits(baseType), limits).map((bits) =>
            tensorOf(baseType, shape, bits)
          ),
          fine: fc.array(finiteBits(fineType), limits).map((bits) =>
            tensorOf(fineType, shape, bits)
          ),
        });
      });
      await fc.assert(fc.asyncProperty(pairs, ({ base, fine }) => assertExtracts(base, fine)), {
        numRuns: 150,
      });
    });
  }
}

for (const dtype of TYPES) {
  Deno.test(`an ${dtype} matrix of many blocks, the last one short, is extracted whole`, async () => {
    const shape: [number, number] = [530, 513];
    await assertExtracts(randomTensor(dtype, shape, 1), randomTensor(dtype, shape, 2));
  });
}

Deno.test("a row longer than a block is extracted", async () => {
  const shape: [number, number] = [2, 131_101];
  await assertExtracts(randomTensor("F32", shape, 3), randomTensor("F32", shape, 4));
});

Deno.test("nothing of a layer is left behind for a narrower one that follows", async () => {
  const wide: [number, number] = [3, 64];
  const narrow: [number, number] = [3, 33];
  await assertExtracts(randomTensor("F32", wide, 5), randomTensor("F32", wide, 6));
  await assertExtracts(randomTensor("F32", narrow, 7), randomTensor("F32", narrow, 8));
});

Deno.test("a negative zero counts as +1", async () => {
  for (
    const [dtype, negativeZero] of [["F32", 0x80000000], ["F16", 0x8000], ["BF16", 0x8000]] as const
  ) {
    const base = tensorOf(dtype, [1, 32], Array(32).fill(0));
    const fine = tensorOf(dtype, [1, 32], Array(32).fill(negativeZero));
    const { mask, meanMagnitude } = await extractSigns(base, fine);
    assert.deepEqual([[...mask], meanMagnitude], [[-1], 0]);
  }
});

Deno.test("a NaN or infinity on either side makes the mean no number", async () => {
  const bad = { F32: [0x7fc00000, 0x7f800001, 0xff800000], F16: [0x7e00, 0x7c01, 0xfc00] };
  for (const [dtype, bits] of Object.entries({ ...bad, BF16: [0x7fc0, 0x7f81, 0xff80] })) {
    for (const one of bits) {
      const zeros = tensorOf(dtype as FloatType, [2, 40], Array(80).fill(0));
      const withOne = tensorOf(dtype as FloatType, [2, 40], Array(80).fill(0).with(71, one));
      for (const [base, fine] of [[zeros, withOne], [withOne, zeros], [withOne, withOne]]) {
        const { meanMagnitude } = await extractSigns(base, fine);
        assert.ok(!Number.isFinite(meanMagnitude), `${dtype} ${one.toString(16)}`);
      }
    }
  }
});

Deno.test("magnitudes are rounded as the difference is: to bfloat16, ties to even", async () => {
  // 1 − 2⁻⁹ lies midway between two bfloat16 numbers; 1 and 1 − 2⁻⁸ are those, 1 the even one.
  const base = tensorOf("BF16", [1, 1], [plainEncode(2 ** -9, "BF16")]);
  const fine = tensorOf("BF16", [1, 1], [plainEncode(1, "BF16")]);
  assert.equal((await extractSigns(base, fine)).meanMagnitude, 1);
});

Deno.test("a difference that rounds beyond float16 is infinite, and the largest one below is not", async () => {
  const bits = (value: number) =>
    tensorOf("F16", [1, 40], Array(40).fill(plainEncode(value, "F16")));
  // 65,504 is float16's largest number; 65,520 lies midway between it and 2¹⁶.
  for (
    const [fine, base] of [[65504, -15.9921875], [65504, -16], [40000, -40000], [-65504, 65504]]
  ) {
    const [expected] = plainDelta(bits(base), bits(fine)).map(Math.abs);
    const { mask, meanMagnitude } = await extractSigns(bits(base), bits(fine));
    assert.equal(meanMagnitude, expected, `${fine} − ${base}`);
    assert.deepEqual(maskDigits(mask), plainMask(plainDelta(bits(base), bits(fine)), 1, 40));
  }
});
