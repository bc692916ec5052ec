/** The chains of products that the benchmarks time: all programs compute the same, and what it is. */

import assert from "node:assert/strict";
import { jaxProducts } from "../bench/jax_products.ts";
import { onnxRuntimeProducts } from "../bench/onnx_runtime_products.ts";
import { randomMatrix } from "../bench/random_matrix.ts";
import { type ChainOperands, ourProducts, type Products } from "../bench/webgpu_peers.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { gpuTest } from "./gpu.ts";

const [rows, inner, columns] = [8, 64, 32];
const rectangles: ChainOperands = {
  rows,
  inner,
  columns,
  x: randomMatrix(rows, inner, 1, 1),
  weights: [randomMatrix(inner, columns, 0.1, 2), randomMatrix(columns, inner, 0.1, 3)],
};
const squares: ChainOperands = {
  ...rectangles,
  columns: inner,
  weights: [randomMatrix(inner, inner, 0.1, 2)],
};

function plainChain({ rows, inner, columns, x, weights }: ChainOperands, length: number) {
  let y = Float64Array.from(x);
  for (let index = 0; index < length; index++) {
    const [from, to] = index % 2 === 0 ? [inner, columns] : [columns, inner];
    const weight = weights[index % weights.length];
    const next = new Float64Array(rows * to);
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < to; c++) {
        for (let k = 0; k < from; k++) next[r * to + c] += y[r * from + k] * weight[k * to + c];
      }
    }
    y = next;
  }
  return y;
}

const programs: Record<string, (of: ChainOperands, engine: WebGpuEngine) => Promise<Products>> = {
  "ours in float32": (of, engine) => ourProducts(of, engine, "float32"),
  "ours in bfloat16": (of, engine) => ourProducts(of, engine, "bfloat16"),
  "jax-js": jaxProducts,
  "ONNX Runtime's WebGPU provider": onnxRuntimeProducts,
};

for (const [name, open] of Object.entries(programs)) {
  gpuTest(`chains of products by ${name} are the products`, async (engine) => {
    const tolerance = name.includes("bfloat16") ? 0.03 : 1e-5;
    for (const operands of [rectangles, squares]) {
      const products = await open(operands, engine);
      for (const length of [1, 2, 5]) {
        const chain = await products.chain(length);
        await chain.run();
        const values = await chain.read();
        const expected = plainChain(operands, length);
        assert.equal(values.length, expected.length);
        const most = Math.max(...expected.map(Math.abs));
        values.forEach((value, index) =>
          assert.ok(Math.abs(value - expected[index]) <= tolerance * most, `${length}: ${index}`)
        );
        await chain.release();
      }
      await products.release();
    }
  });
}
