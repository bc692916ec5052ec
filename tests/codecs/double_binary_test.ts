/** The codec `double-binary` against sums of its definition in float64, number by number. */

import assert from "node:assert/strict";
import { BEYOND_SLOTS, floatKernels, growBeyondSlots } from "../../lib/checkpoint/float_kernels.ts";
import { float32Tensor, toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Term } from "../../lib/codecs/codec.ts";
import { doubleBinary, doubleBinaryTerm } from "../../lib/codecs/double_binary.ts";
import { layerBytes } from "../../lib/codecs/layer.ts";
import { packSigns } from "../../lib/codecs/signs.ts";
import { onnxEngine } from "../../lib/engines/mod.ts";
import { input } from "../../lib/graph/graph.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { decodeLayer } from "./decode_layer.ts";
import { randomLayer } from "./random_layer.ts";

const kernels = await floatKernels();

/** Bit b of the word of an inner sign is the sign of row or column 32 · word + b. */
function plainMatrix({ parts }: Term, [outSize, inSize]: LinearShape): number[] {
  const [row, middle, column] = ["row", "middle", "column"].map((name) => [
    ...toFloat32(parts[name]),
  ]);
  const signs = (mask: Int32Array, size: number) =>
    Array.from({ length: size }, (_, at) =>
      middle.map((_, j) => {
        const word = mask[Math.floor(at / 32) * middle.length + j] >>> 0;
        return word.toString(2).padStart(32, "0")[31 - at % 32] === "1" ? 1 : -1;
      }));
  const left = signs(toInt32(parts.left), outSize);
  const right = signs(toInt32(parts.right), inSize);
  return left.flatMap((ofRow, o) =>
    right.map((ofColumn, i) =>
      middle.reduce((sum, m, j) => sum + ofRow[j] * m * ofColumn[j], 0) * row[o] * column[i]
    )
  );
}

/** One inner sign, fewer and more than a turn takes; widths of words, vectors and neither. */
const shapes: [LinearShape, number][] = [[[3, 5], 1], [[64, 172], 37], [[530, 66], 2], [
  [2, 36],
  64,
]];

for (const [shape, inner] of shapes) {
  const [outSize, inSize] = shape;
  const form = { inner, type: "F16" };
  const layer = randomLayer(
    { shape, role: "delta", terms: [{ codec: doubleBinary.name, form }] },
    new SeededRandom(inner),
  );
  const [term] = layer.terms;
  const plain = plainMatrix(term, shape);

  Deno.test(`[${shape}] with ${inner} inner signs is decoded as defined`, () => {
    const found = doubleBinary.decode(term.parts, shape, form);
    assert.equal(found.length, plain.length);
    found.forEach((value, at) => {
      assert.ok(Math.abs(value - plain[at]) <= 1e-6 * inner, `${at}: ${value}, ${plain[at]}`);
    });
  });

  Deno.test(`[${shape}] with ${inner} inner signs is added to the bit as it is decoded`, () => {
    const start = Float32Array.from({ length: outSize * inSize }, (_, at) => Math.cos(at));
    const expected = decodeLayer(layer, start);
    const elsewhere = start.slice();
    doubleBinary.add!(kernels, elsewhere, term.parts, shape, form);
    assert.deepEqual(elsewhere, expected);
    assert.ok(growBeyondSlots(kernels, 4 * start.length + 64));
    const inMemory = new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, start.length);
    inMemory.set(start);
    doubleBinary.add!(kernels, inMemory, term.parts, shape, form);
    assert.deepEqual(inMemory.slice(), expected);
  });

  Deno.test(`[${shape}] with ${inner} inner signs is applied as two products`, async () => {
    const layout = doubleBinary.layout(shape, form);
    const part = (name: string) =>
      input(name, layout[name].shape, layout[name].dtype === "I32" ? "i32" : "f32");
    const engine = onnxEngine({ threads: 1 });
    const y = doubleBinary.product!(input("x", [2, inSize]), part, shape, form);
    const program = await engine.compile({ y });
    const x = Float32Array.from({ length: 2 * inSize }, (_, at) => Math.sin(at));
    const feeds = Object.entries(term.parts).map(([name, tensor]) =>
      [name, tensor.dtype === "I32" ? toInt32(tensor) : toFloat32(tensor)] as const
    );
    const found = (await program.run({ x, ...Object.fromEntries(feeds) })).y;
    await program.release();
    found.forEach((value, at) => {
      const [token, o] = [Math.floor(at / outSize), at % outSize];
      let expected = 0;
      for (let i = 0; i < inSize; i++) expected += x[token * inSize + i] * plain[o * inSize + i];
      assert.ok(Math.abs(value - expected) <= 1e-5 * inner, `${at}: ${value}, ${expected}`);
    });
  });
}

Deno.test("no number of inner signs is filled up: k(m + n) bits and 16 for each scale", () => {
  for (const inner of [1, 45, 2044]) {
    const terms = [{ codec: doubleBinary.name, form: { inner, type: "F16" } }];
    const bytes = layerBytes({ shape: [128, 4096], role: "delta", terms });
    assert.equal(8 * bytes, inner * (128 + 4096) + 16 * (128 + 4096 + inner));
  }
  const terms = [{ codec: doubleBinary.name, form: { inner: 3, type: "F32" } }];
  // Words of 33 rows and of 172 columns are filled up to 64 and 192.
  assert.equal(8 * layerBytes({ shape: [33, 172], role: "delta", terms }), 3 * 256 + 32 * 208);
});

Deno.test("factors become a term of the scales' type", () => {
  const factors = {
    left: packSigns(Float32Array.of(1, -1, -1, -1, 1, 1), [2, 3]),
    right: packSigns(Float32Array.of(1, 1, -1, 1), [2, 2]),
    row: Float32Array.of(1, 2, 4),
    middle: Float32Array.of(0.1, 1),
    column: Float32Array.of(1, -0.5),
  };
  const half = doubleBinaryTerm(factors, "F16");
  assert.deepEqual(half.form, { inner: 2, type: "F16" });
  assert.deepEqual(toFloat32(half.parts.middle), Float32Array.of(Math.f16round(0.1), 1));
  const whole = doubleBinaryTerm(factors, "F32");
  assert.deepEqual(whole.parts.middle, float32Tensor(factors.middle, [2]));
  // Rows of L are (1, −1), (−1, 1), (−1, 1); columns of R (1, −1) and (1, 1).
  const [a, b] = factors.middle;
  const decoded = doubleBinary.decode(whole.parts, [3, 2], whole.form);
  const expected = [a + b, (b - a) / 2, -2 * (a + b), -(b - a), -4 * (a + b), -2 * (b - a)];
  assert.deepEqual(decoded, Float32Array.from(expected));
});

Deno.test("a form that is none is refused with what it should be", () => {
  const forms = [{ inner: 0, type: "F16" }, { inner: 1.5, type: "F16" }, { inner: 1 }, {
    inner: 1,
    type: "BF16",
  }, { inner: 1, type: "F16", rank: 2 }];
  for (const form of forms) {
    assert.throws(() => doubleBinary.layout([2, 2], form as never), (error) => {
      assert.ok(error instanceof DeltaError);
      assert.match(error.message, /double-binary.*expected `?\{ inner, type \}/);
      return true;
    });
  }
});
