/** Matrices that are larger than a device can bind: read in pieces, with the bits that the whole gives. */

import assert from "node:assert/strict";
import type { Numbers, Value } from "../../lib/graph/graph.ts";
import { input } from "../../lib/graph/graph.ts";
import { gatherRows, matmul } from "../../lib/graph/ops/matrix.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { gpuTest } from "./gpu.ts";
import { normals } from "../graph/op_case.ts";
import { runLowered } from "./run_lowered.ts";

const ROWS = 4097;
const COLUMNS = 33;

/** Random numbers as float32, and the same bytes cut to bfloat16. */
const float32 = Float32Array.from(normals(3, ROWS, COLUMNS).numbers);
const bfloat16: RawTensor = {
  dtype: "BF16",
  shape: [ROWS, COLUMNS],
  bytes: new Uint8Array(
    Uint16Array.from(new Uint32Array(float32.buffer), (word) => word >>> 16).buffer,
  ),
};

/** What is run frees what it placed, and so must not be handed what another has placed. */
const fresh = (table: Float32Array | RawTensor) =>
  table instanceof Float32Array ? table : { ...table };

const matrix = input("matrix", [ROWS, COLUMNS]);
const cases: [name: string, build: () => Value, feed: Record<string, Numbers>, kernels: RegExp][] =
  [
    [
      "gathered rows",
      () => gatherRows(matrix, input("indices", [9], "i32")),
      { indices: Int32Array.of(0, 4096, 255, 256, 2047, 2048, 3000, 0, 1) },
      /^gatherRows( gatherMoreRows)+$/,
    ],
    [
      "rows that are not there",
      () => gatherRows(matrix, input("indices", [3], "i32")),
      { indices: Int32Array.of(-1, 4097, 5) },
      /^gatherRows( gatherMoreRows)+$/,
    ],
    [
      "a product with the transpose",
      () => matmul(input("x", [5, COLUMNS]), matrix, { transposeSecond: true }),
      { x: Float32Array.from(normals(4, 5, COLUMNS).numbers) },
      / concatenateColumns\d/,
    ],
  ];

for (const [name, build, feed, kernels] of cases) {
  for (const [type, table] of [["float32", float32], ["bfloat16", bfloat16]] as const) {
    // 256 rows of float32 are 33,792 bytes: pieces of 256 rows and more.
    for (const bindingBytes of [33_800, 70_000, 200_000]) {
      gpuTest(`${name} of ${type} in pieces of ${bindingBytes} bytes`, async (engine) => {
        const run = async (bindingBytes?: number) => {
          const features = { ...engine.device.features, bindingBytes };
          const storage = (name: string) =>
            name === "matrix" && type === "bfloat16" ? "bf16" as const : undefined;
          const graph = lower({ y: build() }, { features, storage });
          const { y } = await runLowered(engine, graph, { ...feed, matrix: fresh(table) });
          return { y, names: graph.dispatches.map(({ kernel }) => kernel.name).join(" ") };
        };
        const [whole, pieces] = [await run(), await run(bindingBytes)];
        assert.match(pieces.names, kernels);
        assert.doesNotMatch(whole.names, kernels);
        assert.deepEqual(pieces.y, whole.y);
      });
    }
  }
}
