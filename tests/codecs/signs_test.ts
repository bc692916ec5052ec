import assert from "node:assert/strict";
import fc from "fast-check";
import { byteCount } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { packSigns, signs, signsTerm, unpackSigns, wordsPerRow } from "../../lib/codecs/signs.ts";
import { maskDigits, plainMask } from "./plain_signs.ts";

const shapes = fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 100 }));
const matrices = shapes.chain(([outSize, inSize]) =>
  fc.record({
    shape: fc.constant<LinearShape>([outSize, inSize]),
    values: fc.float32Array({
      minLength: outSize * inSize,
      maxLength: outSize * inSize,
      noNaN: true,
    }),
  })
);

Deno.test("signs are packed as defined, at any width", () => {
  fc.assert(fc.property(matrices, ({ shape, values }) => {
    assert.deepEqual(maskDigits(packSigns(values, shape)), plainMask([...values], ...shape));
  }));
});

Deno.test("signs come back as they were packed", () => {
  fc.assert(fc.property(matrices, ({ shape, values }) => {
    const signs = unpackSigns(packSigns(values, shape), shape);
    assert.deepEqual(signs, values.map((value) => value >= 0 ? 1 : -1));
  }));
});

Deno.test("a zero of either sign counts as +1", () => {
  assert.deepEqual([...unpackSigns(packSigns(Float32Array.of(0, -0, -1), [1, 3]), [1, 3])], [
    1,
    1,
    -1,
  ]);
});

Deno.test("filling a row up with anything positive leaves its mask as it is", () => {
  fc.assert(fc.property(matrices, ({ shape: [outSize, inSize], values }) => {
    const width = 32 * wordsPerRow(inSize);
    const padded = new Float32Array(outSize * width).fill(3);
    for (let o = 0; o < outSize; o++) {
      padded.set(values.subarray(o * inSize, (o + 1) * inSize), o * width);
    }
    assert.deepEqual(packSigns(padded, [outSize, width]), packSigns(values, [outSize, inSize]));
  }));
});

Deno.test("rows pack independently of each other", () => {
  fc.assert(fc.property(matrices, ({ shape: [outSize, inSize], values }) => {
    const mask = packSigns(values, [outSize, inSize]);
    for (let o = 0; o < outSize; o++) {
      const row = packSigns(values.slice(o * inSize, (o + 1) * inSize), [1, inSize]);
      row.forEach((word, w) => assert.equal(mask[w * outSize + o], word));
    }
  }));
});

Deno.test("the lowest bit of a word is its first column", () => {
  const values = new Float32Array(64).fill(-1);
  values[0] = 1;
  values[33] = 1;
  assert.deepEqual([...packSigns(values, [1, 64])], [1, 2]);
  assert.deepEqual([...packSigns(values, [2, 32])], [1, 2]);
});

Deno.test("16-bit scales take two bytes each and are those that are nearest", () => {
  const [row, column] = [Float32Array.of(0.1, -3), Float32Array.of(2 ** -14, 1 + 2 ** -11, 7)];
  const mask = packSigns(Float32Array.of(1, -1, 1, -1, -1, 1), [2, 3]);
  const term = signsTerm(mask, [2, 3], { row, column }, "F16");
  assert.deepEqual(term.form, { scale: "row and column", type: "F16" });
  const layout = signs.layout([2, 3], term.form);
  assert.deepEqual(
    Object.values(layout).map(byteCount),
    [8, 4, 6],
  );
  // 0.1 lies between 2⁻⁴(1 + 614/1024) and its neighbour, 1 + 2⁻¹¹ halfway between 1 and 1 + 2⁻¹⁰.
  const rounded = [1638 / 16384, -3];
  const decoded = signs.decode(term.parts, [2, 3], term.form);
  assert.deepEqual(
    [...decoded],
    [1, -1, 1, -1, -1, 1].map((sign, at) =>
      Math.fround(sign * rounded[Math.floor(at / 3)] * [2 ** -14, 1, 7][at % 3])
    ),
  );
});
