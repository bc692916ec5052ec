/** The codec `integers` against its definition number by number, and rounding against plain rounding. */

import assert from "node:assert/strict";
import { BEYOND_SLOTS, floatKernels, growBeyondSlots } from "../../lib/checkpoint/float_kernels.ts";
import {
  byteCount,
  elementCount,
  float32Tensor,
  fromFloat32,
  int32Tensor,
  isFloatType,
  toFloat32,
  toInt32,
} from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Parts } from "../../lib/codecs/codec.ts";
import { addLayer } from "../../lib/codecs/layer.ts";
import { type IntegerForm, integers, integersForm } from "../../lib/codecs/integers.ts";
import { roundToIntegers } from "../../lib/codecs/round_integers.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { input } from "../../lib/graph/graph.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { matmul as plainMatmul } from "../graph/plain/matrix.ts";
import { integerElement, plainRounding } from "./plain_integers.ts";

const random = new SeededRandom(3);
const floats = (count: number, size = 1) =>
  Float32Array.from({ length: count }, () => size * (random.uniform() - 0.5));

const kernels = await floatKernels();
const engine = onnxEngine({ threads: 1 });

function randomParts(shape: LinearShape, form: IntegerForm): Parts {
  const layout = integers.layout(shape, form);
  return Object.fromEntries(
    Object.entries(layout).map(([name, info]) => {
      const count = elementCount(info.shape);
      if (isFloatType(info.dtype)) {
        return [name, { ...info, bytes: fromFloat32(floats(count), info.dtype) }];
      }
      const numbers = name === "place"
        ? random.shuffle([...new Array(count).keys()])
        : Array.from({ length: count }, () => random.integer(65536) << 16 | random.integer(65536));
      return [name, int32Tensor(Int32Array.from(numbers), info.shape)];
    }),
  );
}

const cases: [LinearShape, IntegerForm][] = [
  [[7, 40], { bits: 4, group: 32, type: "F16", ordered: false }],
  [[33, 130], { bits: 3, group: 64, type: "BF16", ordered: true }],
  [[1, 1], { bits: 2, group: 32, type: "F16", ordered: true }],
  [[40, 257], { bits: 8, group: 128, type: "BF16", ordered: false }],
];

for (const [shape, form] of cases) {
  const [outSize, inSize] = shape;
  const name = `${form.bits} bits in groups of ${form.group}${form.ordered ? ", ordered" : ""}`;
  Deno.test(`[${shape}] of ${name}: decoded, as a product and added, it is its definition`, async () => {
    const parts = randomParts(shape, form);
    const element = integerElement(parts, form.bits, form.group, shape);
    const matrix = Float64Array.from(
      { length: outSize * inSize },
      (_, at) => element(Math.floor(at / inSize), at % inSize),
    );
    const decoded = integers.decode(parts, shape, form);
    assert.deepEqual(decoded, new Float32Array(matrix));

    const x = input("x", [3, inSize]);
    const part = (name: string) => {
      const { dtype, shape } = parts[name];
      return input(name, shape, isFloatType(dtype) ? "f32" : "i32");
    };
    const program = await engine.compile({ y: integers.product!(x, part, shape, form) });
    const numbers = floats(3 * inSize);
    const feeds = Object.entries(parts).map(([name, tensor]) =>
      [name, isFloatType(tensor.dtype) ? toFloat32(tensor) : toInt32(tensor)] as const
    );
    const { y } = await program.run({ x: numbers, ...Object.fromEntries(feeds) });
    const sizes = { rows: 3, inner: inSize, columns: outSize, transposeSecond: true };
    const expected = plainMatmul(Float64Array.from(numbers), matrix, sizes);
    assertWithin(relativeError(y, expected), 1e-6, "product");
    await program.release();

    const start = floats(outSize * inSize);
    const sum = start.map((value, at) => value + decoded[at]);
    const layer = { shape, terms: [{ codec: integers.name, form, parts }] };
    const elsewhere = start.slice();
    addLayer(kernels, elsewhere, layer);
    assert.deepEqual(elsewhere, sum);
    assert.ok(growBeyondSlots(kernels, 4 * start.length + 64));
    const inMemory = new Float32Array(kernels.memory.buffer, BEYOND_SLOTS, start.length);
    inMemory.set(start);
    addLayer(kernels, inMemory, layer);
    assert.deepEqual(inMemory.slice(), sum);
  });
}

for (const ordered of [false, true]) {
  Deno.test(`rows wider than a slot are added as they are decoded, ordered: ${ordered}`, () => {
    const shape: LinearShape = [2, 2 ** 15 + 40];
    const form: IntegerForm = { bits: 5, group: 1024, type: "F16", ordered };
    const parts = randomParts(shape, form);
    const start = floats(shape[0] * shape[1]);
    const decoded = integers.decode(parts, shape, form);
    const sum = start.slice();
    addLayer(kernels, sum, { shape, terms: [{ codec: integers.name, form, parts }] });
    assert.deepEqual(sum, start.map((value, at) => value + decoded[at]));
  });
}

for (
  const [bits, group, type] of [[4, 32, "F16"], [8, 128, "F16"], [2, 64, "BF16"]] as const
) {
  for (const shape of [[5, 70], [300, 256], [1, 2 ** 15 + 40]] as LinearShape[]) {
    Deno.test(`[${shape}] is rounded to ${bits} bits in groups of ${group} as number by number`, async () => {
      const values = floats(shape[0] * shape[1], 0.2);
      // A group of zeros, one of one sign, and one with a number far out.
      values.fill(0, 0, group);
      values[group] = 3;
      const form = { bits, group, type };
      const term = await roundToIntegers(float32Tensor(values, shape), null, form);
      const found = integers.decode(term.parts, shape, term.form);
      assert.deepEqual(found, plainRounding(values, shape, form));
    });
  }
}

Deno.test("what is rounded is the difference from the base's weights, however they are stored", async () => {
  const shape: LinearShape = [6, 96];
  const form = { bits: 4, group: 32, type: "BF16" } as const;
  const [one, other] = [floats(576), floats(576)].map((values) => ({
    dtype: "BF16" as const,
    shape,
    bytes: fromFloat32(values, "BF16"),
  }));
  const difference = toFloat32(one).map((value, at) => value - toFloat32(other)[at]);
  const term = await roundToIntegers(one, other, form);
  const found = integers.decode(term.parts, shape, term.form);
  assert.deepEqual(found, plainRounding(difference, shape, form));
});

Deno.test("the smallest deltas keep their digits in bfloat16", async () => {
  const shape: LinearShape = [4, 64];
  const values = floats(256, 1e-9);
  const term = await roundToIntegers(float32Tensor(values, shape), null, {
    bits: 8,
    group: 64,
    type: "BF16",
  });
  assertWithin(relativeError(integers.decode(term.parts, shape, term.form), values), 0.01, "kept");
});

Deno.test("bytes are those of the bits, and of a scale and a zero point for each group", () => {
  for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
    const form = { bits, group: 128, type: "F16", ordered: false } as const;
    const layout = Object.values(integers.layout([4096, 11008], form));
    const found = layout.reduce((sum, info) => sum + byteCount(info), 0);
    assert.equal(8 * found / (4096 * 11008), bits + (16 + bits) / 128);
  }
});

Deno.test("a form that is none, and places that are no order, are refused", () => {
  const form: IntegerForm = { bits: 4, group: 32, type: "F16", ordered: true };
  const wrong: Record<string, unknown>[] = [
    { bits: 1 },
    { bits: 9 },
    { group: 48 },
    { group: 16 },
    { type: "F32" },
    { ordered: 1 },
    { more: 1 },
  ];
  for (const each of wrong) {
    const given = { ...form, ...each } as unknown as IntegerForm;
    assert.throws(() => integers.layout([4, 64], given), DeltaError);
  }
  assert.deepEqual(integersForm({ bits: 4, group: 32, type: "F16" }).form, {
    ...form,
    ordered: false,
  });
  const parts = { ...randomParts([2, 3], form), place: int32Tensor(Int32Array.of(0, 2, 2), [3]) };
  assert.throws(() => integers.decode(parts, [2, 3], form), /no order of columns.*2 as element 2/);
});
