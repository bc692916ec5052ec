import assert from "node:assert/strict";
import fc from "fast-check";
import { byteCount, elementCount, fromFloat32, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { plainDecode, plainEncode } from "./plain_floats.ts";

const HALF_TYPES = ["F16", "BF16"] as const;

function encode(values: readonly number[], dtype: "F16" | "BF16"): number[] {
  return [...new Uint16Array(fromFloat32(Float32Array.from(values), dtype).buffer)];
}

for (const dtype of HALF_TYPES) {
  Deno.test(`every ${dtype} number widens to its value`, () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
    const values = toFloat32({ dtype, shape: [65536], bytes: new Uint8Array(halves.buffer) });
    for (let bits = 0; bits < 65536; bits++) {
      assert.ok(Object.is(values[bits], plainDecode(bits, dtype)), `bits ${bits}: ${values[bits]}`);
    }
  });

  Deno.test(`every ${dtype} number survives widening and narrowing`, () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, bits) => bits)
      .filter((bits) => !Number.isNaN(plainDecode(bits, dtype)));
    const bytes = new Uint8Array(halves.buffer);
    const values = toFloat32({ dtype, shape: [halves.length], bytes });
    assert.deepEqual(fromFloat32(values, dtype), bytes);
  });

  Deno.test(`narrowing to ${dtype} rounds to the nearest, ties to even`, () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        assert.deepEqual(encode([value], dtype), [plainEncode(value, dtype)]);
      }),
      { numRuns: 2000 },
    );
  });

  Deno.test(`narrowing to ${dtype} is right at, above and below every midpoint`, () => {
    const infinity = plainEncode(Infinity, dtype);
    const values: number[] = [];
    for (let bits = 0; bits < infinity - 1; bits++) {
      const midpoint = (plainDecode(bits, dtype) + plainDecode(bits + 1, dtype)) / 2;
      const word = new Uint32Array(Float32Array.of(midpoint).buffer)[0];
      values.push(...new Float32Array(Uint32Array.of(word - 1, word, word + 1).buffer));
    }
    const narrowed = encode(values, dtype);
    values.forEach((value, i) => assert.equal(narrowed[i], plainEncode(value, dtype), `${value}`));
  });

  Deno.test(`a NaN stays one in ${dtype}, whatever its bits`, () => {
    const values = new Float32Array(Uint32Array.of(0x7fffffff, 0xffffffff, 0x7f800001).buffer);
    const bytes = fromFloat32(values, dtype);
    assert.deepEqual([...toFloat32({ dtype, shape: [3], bytes })], [NaN, NaN, NaN]);
  });
}

Deno.test("narrowing overflows to infinity and underflows to zero, with the sign", () => {
  assert.deepEqual(encode([65519, 65520, -65520], "F16"), [0x7bff, 0x7c00, 0xfc00]);
  assert.deepEqual(encode([3.4e38, -3.4e38], "BF16"), [0x7f80, 0xff80]);
  assert.deepEqual(encode([2 ** -25, 2 ** -24, -(2 ** -26)], "F16"), [0, 1, 0x8000]);
  assert.deepEqual(encode([2 ** -133, -(2 ** -134)], "BF16"), [1, 0x8000]);
});

Deno.test("F32 bytes at any address are read, and aligned ones are shared", () => {
  const bytes = new Uint8Array(13);
  bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), 3);
  const odd = toFloat32({ dtype: "F32", shape: [2], bytes: bytes.subarray(3, 11) });
  assert.deepEqual([...odd], [1.5, -2]);
  const values = Float32Array.of(1, 2);
  const shared = toFloat32({ dtype: "F32", shape: [2], bytes: fromFloat32(values, "F32") });
  assert.equal(shared.buffer, values.buffer);
});

Deno.test("types that are not floats are refused by name", () => {
  const integers = { dtype: "I32", shape: [1], bytes: new Uint8Array(4) } as const;
  assert.throws(() => toFloat32(integers), /I32.*F32, F16 or BF16/);
});

Deno.test("a scalar has one element, an empty shape none", () => {
  assert.equal(elementCount([]), 1);
  assert.equal(elementCount([3, 0, 2]), 0);
  assert.equal(byteCount({ dtype: "I64", shape: [2, 3] }), 48);
});
