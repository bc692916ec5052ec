/** Products of matrices and with packed signs, in each form and storage, beside ONNX and plain products. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { type FloatType, fromFloat32, toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Feed } from "../../lib/graph/engine.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { add, multiply, stopGradient } from "../../lib/graph/ops/elementwise.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { normals, randomMask } from "../graph/op_case.ts";
import * as plain from "../graph/plain/matrix.ts";
import { gpuTest, openEngineWithout, presentAdapter } from "./gpu.ts";
import { type EngineCase, testSame } from "./same_as_onnx.ts";

const BOUND = 5e-6;

/** Rows, inner size and columns: single ones, odd ones, multiples of four, more than a tile. */
const SIZES = [[1, 1, 1], [1, 65, 33], [3, 33, 130], [31, 1, 65], [33, 65, 31], [72, 40, 68]];

const FORMS = [false, true].flatMap((transposeFirst) =>
  [false, true].map((transposeSecond) => ({ transposeFirst, transposeSecond }))
);

/** Shared by the tests of a device without float16. */
let unpacking: Promise<WebGpuEngine> | undefined;

/** A product whose factors are both stored in 16 bits. */
interface StoredProduct {
  readonly dtype: FloatType;
  readonly first: number[];
  readonly second: number[];
  readonly form: typeof FORMS[number];
  readonly sizes: { readonly rows: number; readonly inner: number; readonly columns: number };
}

async function assertPlain(
  engine: WebGpuEngine,
  { dtype, first, second, form, sizes }: StoredProduct,
): Promise<void> {
  const factors = [normals(3, ...first), normals(4, ...second)].map(({ shape, numbers }) => ({
    dtype,
    shape,
    bytes: fromFloat32(Float32Array.from(numbers), dtype),
  }));
  const [a, b] = factors.map((each) => Float64Array.from(toFloat32(each)));
  const program = await engine.compile({
    product: matmul(input("a", first), input("b", second), form),
  });
  const feeds: Record<string, Feed> = {
    a: await engine.place(factors[0]),
    b: await engine.place(factors[1]),
  };
  const expected = plain.matmul(a, b, { ...sizes, ...form });
  assertWithin(relativeError((await program.run(feeds)).product, expected), BOUND, dtype);
  await program.release();
}

for (const [rows, inner, columns] of SIZES) {
  for (const form of FORMS) {
    const { transposeFirst, transposeSecond } = form;
    const first = transposeFirst ? [inner, rows] : [rows, inner];
    const second = transposeSecond ? [columns, inner] : [inner, columns];
    const name = `matmul [${first}]${transposeFirst ? "ᵀ" : ""} · [${second}]` +
      (transposeSecond ? "ᵀ" : "");
    testSame({
      name,
      operands: [normals(1, ...first), normals(2, ...second)],
      build: (a, b) => matmul(a, b, form),
      bound: BOUND,
    });
    for (const dtype of ["BF16", "F16"] as const) {
      const product: StoredProduct = {
        dtype,
        first,
        second,
        form,
        sizes: { rows, inner, columns },
      };
      gpuTest(`${name} with ${dtype} factors is the plain product`, async (engine) => {
        await assertPlain(engine, product);
      });
      if (dtype === "BF16") continue;
      gpuTest(`${name} with F16 factors that are unpacked is the plain product`, async () => {
        await assertPlain(await (unpacking ??= openEngineWithout("shader-f16")), product);
      });
    }
  }
}

gpuTest("float16 is a type of its own where the adapter has it", async ({ device }) => {
  assert.equal(device.features.float16, (await presentAdapter()).features.has("shader-f16"));
  assert.equal((await unpacking)!.device.features.float16, false);
});

// One word, a part of one, whole words, and whole words and a part.
const SIGNED_SIZES = [[1, 1, 1], [1, 70, 33], [33, 31, 65], [5, 64, 3], [31, 33, 130]];

for (const [rows, inner, columns] of SIGNED_SIZES) {
  const mask = randomMask(5, Math.ceil(inner / 32), columns);
  const x = normals(6, rows, inner);
  const weight = normals(7, columns, inner);
  const sizes = `[${rows}, ${inner}] to ${columns}`;
  testSame({
    name: `signMatmul ${sizes}`,
    operands: [x, mask],
    build: signMatmul,
    bound: BOUND,
  });
  for (
    const [kind, scale] of [["a scalar", normals(8)], ["a vector", normals(9, columns)]] as const
  ) {
    for (const detached of [false, true]) {
      const signedInput = (x: Value) => detached ? stopGradient(x) : x;
      const each: EngineCase = {
        name: `compressed linear layer ${sizes}, scaled by ${kind}` +
          (detached ? ", its second product detached" : ""),
        operands: [x, weight, mask, scale],
        build: (x, weight, mask, scale) =>
          add(
            matmul(x, weight, { transposeSecond: true }),
            multiply(signMatmul(signedInput(x), mask), scale),
          ),
        bound: BOUND,
      };
      testSame(each);
    }
  }
}

gpuTest(
  "a compressed layer without gradients is ONNX's, its base stored as BF16",
  async (engine) => {
    const [rows, inner, columns] = [19, 70, 37];
    const weight = {
      dtype: "BF16" as const,
      shape: [columns, inner],
      bytes: fromFloat32(Float32Array.from(normals(1, columns, inner).numbers), "BF16"),
    };
    const dense = matmul(input("x", [rows, inner]), input("weight", [columns, inner]), {
      transposeSecond: true,
    });
    const signed = signMatmul(
      input("x", [rows, inner]),
      input("mask", [Math.ceil(inner / 32), columns], "i32"),
    );
    const y = add(multiply(signed, input("scale", [])), dense);
    const feeds: Record<string, Numbers> = {
      x: Float32Array.from(normals(2, rows, inner).numbers),
      mask: Int32Array.from(randomMask(3, Math.ceil(inner / 32), columns).numbers),
      scale: Float32Array.of(0.3),
    };
    const reference = await onnxEngine({ threads: 1 }).compile({ y });
    const expected = (await reference.run({ ...feeds, weight: toFloat32(weight) })).y.slice();
    const program = await engine.compile({ y });
    const actual = await program.run({ ...feeds, weight: await engine.place(weight) });
    assertWithin(relativeError(actual.y, expected), BOUND, "y");
    await Promise.all([program.release(), reference.release()]);
  },
);

gpuTest("second gradients pass through signs", async (engine) => {
  const x = input("x", [3, 40]);
  const mask = input("mask", [2, 5], "i32");
  const upstream = input("upstream", [3, 5]);
  const [byX] = gradient(signMatmul(x, mask), [x], upstream);
  const [byUpstream] = gradient(byX, [upstream], input("seed", [3, 40]));
  const feeds: Record<string, Numbers> = {
    x: Float32Array.from(normals(1, 3, 40).numbers),
    mask: Int32Array.from(randomMask(2, 2, 5).numbers),
    upstream: Float32Array.from(normals(3, 3, 5).numbers),
    seed: Float32Array.from(normals(4, 3, 40).numbers),
  };
  const [ours, theirs] = await Promise.all(
    [engine, onnxEngine({ threads: 1 })].map(async (each) => {
      const program = await each.compile({ byX, byUpstream });
      const { seed, mask, upstream } = feeds;
      const results = structuredClone(await program.run({ seed, mask, upstream }));
      await program.release();
      return results;
    }),
  );
  assert.deepEqual(Object.keys(ours), Object.keys(theirs));
  for (const name of Object.keys(ours)) {
    assertWithin(relativeError(ours[name], theirs[name]), BOUND, name);
  }
});

gpuTest("products of any shape are the plain ones", async (engine) => {
  const side = fc.integer({ min: 1, max: 140 });
  await fc.assert(
    fc.asyncProperty(
      fc.record({ rows: side, inner: side, columns: side }),
      fc.constantFrom(...FORMS),
      async ({ rows, inner, columns }, form) => {
        const a = normals(1, ...(form.transposeFirst ? [inner, rows] : [rows, inner]));
        const b = normals(2, ...(form.transposeSecond ? [columns, inner] : [inner, columns]));
        const x = normals(3, rows, inner);
        const mask = randomMask(4, Math.ceil(inner / 32), columns);
        const program = await engine.compile({
          product: matmul(input("a", a.shape), input("b", b.shape), form),
          signed: signMatmul(input("x", x.shape), input("mask", mask.shape, "i32")),
        });
        const { product, signed } = await program.run({
          a: Float32Array.from(a.numbers),
          b: Float32Array.from(b.numbers),
          x: Float32Array.from(x.numbers),
          mask: Int32Array.from(mask.numbers),
        });
        const sizes = { rows, inner, columns };
        const dense = plain.matmul(a.numbers, b.numbers, { ...sizes, ...form });
        const signs = plain.signMatrix(mask.numbers, inner, columns);
        assertWithin(relativeError(product, dense), BOUND, "product");
        assertWithin(relativeError(signed, plain.matmul(x.numbers, signs, sizes)), BOUND, "signed");
        await program.release();
      },
    ),
    { numRuns: 40 },
  );
});
