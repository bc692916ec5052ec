/**
 * All tilings of a product give the same bits, fused or not: otherwise what was measured on a device
 * would change what is computed there.
 */

import assert from "node:assert/strict";
import { fromFloat32, type RawTensor } from "../../lib/checkpoint/tensor.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { add, multiply } from "../../lib/graph/ops/elementwise.ts";
import { deltaLinear, signedProduct } from "../../lib/engines/webgpu/fused/delta_linear.ts";
import {
  deltaProjections,
  signProjection,
} from "../../lib/engines/webgpu/fused/delta_projections.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { sign, signMatmul } from "../../lib/graph/ops/signs.ts";
import { signMatmulTransposed } from "../../lib/engines/webgpu/fused/sign_products.ts";
import { suitableCandidates } from "../../lib/engines/webgpu/kernels/candidates.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import type { ChooseTile } from "../../lib/engines/webgpu/tuner.ts";
import { normals, randomMask } from "../graph/op_case.ts";
import { gpuTest } from "./gpu.ts";
import { runLowered } from "./run_lowered.ts";

type Feeds = Record<string, Numbers | RawTensor>;
type Outputs = Record<string, Value>;

/** Odd sizes, and sizes whose rows are read four numbers at once; both of more than a tile. */
const SIZES = [[67, 37, 69], [68, 72, 132]] as const;

function matrix(seed: number, ...shape: number[]): Float32Array {
  return Float32Array.from(normals(seed, ...shape).numbers);
}

function lowered(engine: WebGpuEngine, outputs: Outputs, feeds: Feeds, tile?: ChooseTile) {
  const storage = (name: string) => "dtype" in feeds[name] ? "bf16" as const : undefined;
  return lower(outputs, { features: engine.device.features, storage, tile });
}

/** Runs with each candidate and compares. */
async function assertSameTiles(engine: WebGpuEngine, outputs: Outputs, feeds: Feeds) {
  const seen = new Set<string>();
  lowered(engine, outputs, feeds, (_, candidates) => {
    // Other tiles are compared in `workgroup_tiles_test.ts`: software adapters take long to compile them.
    suitableCandidates(candidates, true).forEach((each) => seen.add(each));
    return candidates[0];
  });
  assert.ok(seen.size > 0, "a candidate");
  let first: Record<string, Numbers> | undefined;
  for (const tile of seen) {
    const graph = lowered(engine, outputs, feeds, () => tile);
    assert.ok(graph.dispatches.some(({ kernel }) => kernel.name.endsWith(tile)), tile);
    const results = await runLowered(engine, graph, feeds);
    first ??= results;
    assert.deepEqual(results, first, tile);
  }
}

for (const [rows, inner, columns] of SIZES) {
  for (const transposeFirst of [false, true]) {
    for (const transposeSecond of [false, true]) {
      const first = transposeFirst ? [inner, rows] : [rows, inner];
      const second = transposeSecond ? [columns, inner] : [inner, columns];
      const name = `matmul [${first}]${transposeFirst ? "ᵀ" : ""} · [${second}]` +
        (transposeSecond ? "ᵀ" : "");
      gpuTest(`all tiles of ${name} give the same bits`, async (engine) => {
        const form = { transposeFirst, transposeSecond };
        const product = matmul(input("a", first), input("b", second), form);
        const feeds = { a: matrix(1, ...first), b: matrix(2, ...second) };
        await assertSameTiles(engine, { product }, feeds);
      });
    }
  }

  const mask = Int32Array.from(randomMask(3, Math.ceil(inner / 32), columns).numbers);
  const maskInput = input("mask", [Math.ceil(inner / 32), columns], "i32");
  const sizes = `[${rows}, ${inner}] to ${columns}`;
  const x = input("x", [rows, inner]);

  gpuTest(`all tiles of signMatmul ${sizes} give the same bits`, async (engine) => {
    const feeds = { x: matrix(4, rows, inner), mask };
    await assertSameTiles(engine, { product: signMatmul(x, maskInput) }, feeds);
  });

  gpuTest(`all tiles of signMatmulTransposed ${sizes} give the same bits`, async (engine) => {
    const product = signMatmulTransposed(input("g", [rows, columns]), maskInput, inner);
    await assertSameTiles(engine, { product }, { g: matrix(5, rows, columns), mask });
  });

  gpuTest(`all tiles of deltaLinear ${sizes} give the same bits`, async (engine) => {
    const weight = input("weight", [columns, inner]);
    const layer = deltaLinear(
      { x, weight, mask: maskInput, scale: input("scale", [columns]) },
      true,
    );
    const feeds = {
      x: matrix(6, rows, inner),
      weight: {
        dtype: "BF16" as const,
        shape: weight.shape,
        bytes: fromFloat32(matrix(7, columns, inner), "BF16"),
      },
      mask,
      scale: matrix(8, columns),
    };
    await assertSameTiles(engine, { layer, signed: signedProduct(layer) }, feeds);
  });

  gpuTest(`all tiles of deltaProjections ${sizes} give the same bits`, async (engine) => {
    const projected = deltaProjections(x, input("delta", [columns, inner]), 1);
    const outputs = { projected, signed: signProjection(projected) };
    const feeds = { x: matrix(12, rows, inner), delta: matrix(13, columns, inner) };
    await assertSameTiles(engine, outputs, feeds);
  });

  gpuTest(`fused projections ${sizes} have the bits of separate products`, async (engine) => {
    const delta = input("delta", [columns, inner]);
    const linear = (weight: Value) => matmul(x, weight, { transposeSecond: true });
    const outputs = { projected: linear(delta), signed: linear(sign(delta, 0)) };
    const feeds = { x: matrix(14, rows, inner), delta: matrix(15, columns, inner) };
    feeds.delta.fill(0, 0, inner);
    const [separate, fused] = [outputs, fuse(outputs)].map((each) => lowered(engine, each, feeds));
    assert.deepEqual([separate, fused].map(({ dispatches }) => dispatches.length), [3, 1]);
    const expected = await runLowered(engine, separate, feeds);
    assert.deepEqual(await runLowered(engine, fused, feeds), expected);
  });

  gpuTest(
    `a fused layer ${sizes} and its gradients have the bits of separate ops`,
    async (engine) => {
      const scale = input("scale", []);
      const dense = matmul(x, input("weight", [columns, inner]), { transposeSecond: true });
      const y = add(dense, multiply(signMatmul(x, maskInput), scale));
      const upstream = input("upstream", y.shape);
      const [byX, byScale] = gradient(y, [x, scale], upstream);
      const outputs = { y, byX, byScale };
      const feeds = {
        x: matrix(9, rows, inner),
        weight: matrix(10, columns, inner),
        mask,
        scale: matrix(11),
        upstream: matrix(12, rows, columns),
      };
      const separate = lowered(engine, outputs, feeds);
      const fused = lowered(engine, fuse(outputs), feeds);
      const names = (graph: typeof fused) => graph.dispatches.map(({ kernel }) => kernel.name);
      assert.ok(names(separate).includes("signMatrix"));
      assert.ok(!names(fused).includes("signMatrix"));
      assert.ok(names(fused).some((name) => name.startsWith("deltaLinear")));
      const expected = await runLowered(engine, separate, feeds);
      assert.deepEqual(await runLowered(engine, fused, feeds), expected);
    },
  );
}
