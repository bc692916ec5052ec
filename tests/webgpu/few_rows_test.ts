/**
 * Products of one to eight rows: each candidate, of each storage, beside plain products, and all of them to
 * the same bit; sizes that fill neither words nor blocks nor workgroups.
 */

import assert from "node:assert/strict";
import {
  type FloatType,
  fromFloat32,
  type RawTensor,
  toFloat32,
} from "../../lib/checkpoint/tensor.ts";
import { deltaLinear } from "../../lib/engines/webgpu/fused/delta_linear.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { suitableCandidates } from "../../lib/engines/webgpu/kernels/candidates.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { shaderText } from "../../lib/engines/webgpu/shader.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { normals, randomMask } from "../graph/op_case.ts";
import * as plain from "../graph/plain/matrix.ts";
import { gpuTest } from "./gpu.ts";
import { runLowered } from "./run_lowered.ts";

const BOUND = 5e-6;

/** Inner size and columns: single ones; odd; blocks of four, of eight; more than all chains and tables at once. */
const SIZES = [[1, 1], [70, 33], [36, 5], [104, 66], [1101, 67], [2056, 131]] as const;

type Feeds = Readonly<Record<string, Numbers | RawTensor>>;

/** Rows of each storage: each takes seconds to compile. */
const ROWS = { F32: [1, 6], BF16: [2, 4, 5, 8], F16: [3, 7] } as const;

const STORAGE = { F32: "f32", BF16: "bf16", F16: "f16" } as const;

function candidatesOf(y: Value, engine: WebGpuEngine): readonly string[] {
  const { features } = engine.device;
  let found: readonly string[] = [];
  const tile = (_: unknown, names: readonly string[]) => (found = names)[0];
  lower({ y }, { features, tile });
  return found;
}

/** y by each candidate, which must be the same to the bit. */
async function byAll(engine: WebGpuEngine, y: Value, feeds: Feeds): Promise<Float32Array> {
  const storage = (name: string) => {
    const feed = feeds[name];
    return "dtype" in feed ? STORAGE[feed.dtype as FloatType] : undefined;
  };
  const { features } = engine.device;
  let first: Float32Array | undefined;
  const candidates = candidatesOf(y, engine);
  assert.ok(candidates.length > 1, "a choice");
  for (const candidate of candidates) {
    const graph = lower({ y }, { features, storage, tile: () => candidate });
    assert.equal(graph.dispatches.length, 1);
    assert.ok(graph.dispatches[0].kernel.name.endsWith(candidate), candidate);
    const found = (await runLowered(engine, graph, feeds)).y as Float32Array;
    first ??= found.slice();
    assert.deepEqual(found, first, candidate);
  }
  return first!;
}

function numbers(seed: number, ...shape: number[]): Float32Array {
  return Float32Array.from(normals(seed, ...shape).numbers);
}

function stored(dtype: FloatType, values: Float32Array, shape: readonly number[]): RawTensor {
  return { dtype, shape: [...shape], bytes: fromFloat32(values, dtype) };
}

for (const [inner, columns] of SIZES) {
  const words = Math.ceil(inner / 32);
  const weight = input("weight", [columns, inner]);
  const mask = input("mask", [words, columns], "i32");
  const packed = randomMask(3, words, columns).numbers;
  const bits = Int32Array.from(packed);
  const signs = plain.signMatrix(packed, inner, columns);

  for (const dtype of ["F32", "BF16", "F16"] as const) {
    const w = stored(dtype, numbers(2, columns, inner), [columns, inner]);
    const widened = Float64Array.from(toFloat32(w));

    gpuTest(
      `few rows of ${inner} by a ${dtype} weight of ${columns} are the plain product`,
      async (engine) => {
        for (const rows of ROWS[dtype]) {
          const x = input("x", [rows, inner]);
          const feeds = { x: numbers(1, rows, inner), weight: w };
          const y = await byAll(engine, matmul(x, weight, { transposeSecond: true }), feeds);
          const sizes = { rows, inner, columns, transposeSecond: true };
          const expected = plain.matmul(Float64Array.from(feeds.x), widened, sizes);
          assertWithin(relativeError(y, expected), BOUND, `${rows} rows`);
        }
      },
    );

    gpuTest(
      `few rows of ${inner} by a compressed ${dtype} weight of ${columns} are both plain products`,
      async (engine) => {
        for (const rows of ROWS[dtype]) {
          const x = input("x", [rows, inner]);
          const scaleShape = rows % 2 === 0 ? [] : [columns];
          const scale = numbers(4, ...scaleShape);
          const layer = deltaLinear({ x, weight, mask, scale: input("scale", scaleShape) }, false);
          const feeds = { x: numbers(1, rows, inner), weight: w, mask: bits, scale };
          const y = await byAll(engine, layer, feeds);
          const sizes = { rows, inner, columns };
          const factor = Float64Array.from(feeds.x);
          const dense = plain.matmul(factor, widened, { ...sizes, transposeSecond: true });
          const signed = plain.matmul(factor, signs, sizes);
          const expected = dense.map((each, i) =>
            each + signed[i] * scale[i % columns % scale.length]
          );
          assertWithin(relativeError(y, expected), BOUND, `${rows} rows`);
        }
      },
    );
  }

  gpuTest(
    `few rows of ${inner} by packed signs of ${columns} are the sums in the order that is written down`,
    async (engine) => {
      for (let rows = 1; rows <= 8; rows++) {
        const x = numbers(1, rows, inner);
        const product = signMatmul(input("x", [rows, inner]), mask);
        const y = await byAll(engine, product, { x, mask: bits });
        assert.deepEqual(y, inOrder(x, signs, { rows, inner, columns }), `${rows} rows`);
      }
    },
  );
}

/**
 * X · S in float32: fours of inputs pairwise, word w of 32 inputs added to chain w mod 8, the chains in their
 * order.
 */
function inOrder(
  x: Float32Array,
  signs: Float64Array,
  { rows, inner, columns }: { rows: number; inner: number; columns: number },
): Float32Array {
  const f = Math.fround;
  return Float32Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const term = (k: number) => k < inner ? x[row * inner + k] * signs[k * columns + column] : 0;
    const chains = new Float32Array(8);
    for (let k = 0; k < inner; k += 4) {
      const four = f(f(term(k) + term(k + 1)) + f(term(k + 2) + term(k + 3)));
      chains[Math.floor(k / 32) % 8] += four;
    }
    return chains.reduce((sum, chain) => f(sum + chain));
  });
}

gpuTest("eight rows of a compressed layer are those of nine within rounding", async (engine) => {
  const [inner, columns] = [1101, 67];
  const bits = Int32Array.from(randomMask(3, 35, columns).numbers);
  const layerOf = (rows: number, keepSigned = false) =>
    deltaLinear({
      x: input("x", [rows, inner]),
      weight: input("weight", [columns, inner]),
      mask: input("mask", [35, columns], "i32"),
      scale: input("scale", []),
    }, keepSigned);
  const x = numbers(1, 9, inner);
  const rest = {
    weight: numbers(2, columns, inner),
    mask: bits,
    scale: Float32Array.of(0.3),
  };
  const { features } = engine.device;
  const run = async (rows: number, keepSigned?: boolean) => {
    const graph = lower({ y: layerOf(rows, keepSigned) }, { features });
    const { y } = await runLowered(engine, graph, { x: x.subarray(0, rows * inner), ...rest });
    return (y as Float32Array).slice(0, 8 * columns);
  };
  const eight = await run(8);
  assertWithin(relativeError(eight, Float64Array.from(await run(9))), BOUND, "nine rows");
  assertWithin(relativeError(eight, Float64Array.from(await run(8, true))), BOUND, "two sums");
});

gpuTest("nine rows, and other forms of a product, are cut into tiles", (engine) => {
  const [x, nine] = [input("x", [8, 64]), input("x", [9, 64])];
  const weight = input("weight", [32, 64]);
  const familyOf = (
    y: Value,
  ) => [...new Set(candidatesOf(y, engine).map((each) => each.split(" ")[0]))];
  assert.deepEqual(familyOf(matmul(x, weight, { transposeSecond: true })), ["lanes"]);
  for (
    const y of [
      matmul(nine, weight, { transposeSecond: true }),
      matmul(input("g", [8, 32]), weight),
      signMatmul(nine, input("mask", [2, 32], "i32")),
    ]
  ) {
    assert.ok(!familyOf(y).some((each) => ["lanes", "lookups"].includes(each)));
  }
});

Deno.test("signs are looked up on hardware alone, few rows of numbers by lanes everywhere", () => {
  const signs = ["lookups 32 columns", "registers 1x16"];
  assert.deepEqual(suitableCandidates(signs, false), ["lookups 32 columns"]);
  assert.deepEqual(suitableCandidates(signs, true), ["registers 1x16"]);
  assert.deepEqual(suitableCandidates(["lanes 64 by 4"], true), ["lanes 64 by 4"]);
});

const features = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

const LOOPS = /\b(for|while|loop) ?[({]/g;

/** The kernels of all candidates of a product of so many rows. */
function kernelsOf(rows: number, inner = 256) {
  const x = input("x", [rows, inner]);
  const weight = input("weight", [128, inner]);
  const mask = input("mask", [inner / 32, 128], "i32");
  const products = [
    matmul(x, weight, { transposeSecond: true }),
    signMatmul(x, mask),
    deltaLinear({ x, weight, mask, scale: input("scale", []) }, false),
  ];
  return products.flatMap((y) => {
    let names: readonly string[] = [];
    lower({ y }, { features, tile: (_, each) => (names = each)[0] });
    return names.map((name) => {
      const storage = (input: string) => input === "weight" ? "bf16" as const : undefined;
      return lower({ y }, { features, storage, tile: () => name }).dispatches[0].kernel;
    });
  });
}

for (const rows of [1, 3, 8]) {
  Deno.test(`kernels of ${rows} rows have one loop, few enough invocations and little enough memory`, () => {
    for (const kernel of kernelsOf(rows)) {
      assert.ok(kernel.workgroup[0] <= features.workgroupInvocations, kernel.name);
      const arrays = [...(kernel.module ?? "").matchAll(/var<workgroup> \w+: array<f32, (\d+)>/g)];
      const bytes = arrays.reduce((sum, [, length]) => sum + 4 * Number(length), 0);
      assert.ok(bytes <= features.workgroupBytes, `${kernel.name}: ${bytes} bytes`);
      if (kernel.name.includes("registers")) continue;
      const text = shaderText(kernel, features);
      const [main, module] = [kernel.body, kernel.module!];
      assert.equal(main.match(LOOPS)?.length, 1, kernel.name);
      // Chains are added in another, once, at the end.
      const further = module.match(LOOPS)?.length ?? 0;
      assert.equal(further, kernel.name.includes("lookups") ? 0 : 1, kernel.name);
      // Arrays are those of bindings and of workgroup memory: none is of registers.
      assert.doesNotMatch(text, /\b(var|let) \w+(: | = )array</, kernel.name);
    }
  });
}

Deno.test("the text of few rows is the same for other sizes, and reads 16 bytes of a weight at once", () => {
  const texts = (inner: number) => kernelsOf(2, inner).map((each) => shaderText(each, features));
  assert.deepEqual(texts(256), texts(4096));
  assert.match(texts(256)[0], /var<storage, read> second: array<vec4u>;/);
});
