/**
 * Products and rows by groups on the GPU beside plain ones: each storage and candidate, one group and several, any
 * number of rows, each of which has the same bits whatever is beside it; tables in pieces that a device can bind.
 */

import assert from "node:assert/strict";
import {
  type FloatType,
  fromFloat32,
  type RawTensor,
  toFloat32,
} from "../../lib/checkpoint/tensor.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { groupedMatmul, groupedRows, groupedSignMatmul } from "../../lib/graph/ops/grouped.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { rotary, rotationTables } from "../../lib/graph/ops/rotary.ts";
import { rotaryRows } from "../../lib/graph/ops/rotary_rows.ts";
import { signMatmul } from "../../lib/graph/ops/signs.ts";
import { DeviceError } from "../../lib/util/errors.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { normals, randomMask } from "../graph/op_case.ts";
import { gpuTest } from "./gpu.ts";
import { runLowered } from "./run_lowered.ts";

type Feeds = Readonly<Record<string, Numbers | RawTensor>>;

const STORAGE = { F32: "f32", BF16: "bf16", F16: "f16" } as const;

/** Rows up to which all candidates of sums of numbers are tried: each takes seconds to compile. */
const FEW = 2;

/** y by each candidate, which must be the same to the bit; by one where that takes long. */
async function byAll(
  engine: WebGpuEngine,
  y: Value,
  feeds: Feeds,
  bindingBytes?: number,
): Promise<Float32Array> {
  const features = { ...engine.device.features, ...bindingBytes && { bindingBytes } };
  const storage = (name: string) => {
    const feed = feeds[name];
    return "dtype" in feed ? STORAGE[feed.dtype as FloatType] : undefined;
  };
  let candidates: readonly string[] = [];
  lower({ y }, { features, storage, tile: (_, names) => (candidates = names)[0] });
  if (candidates.length === 0) candidates = [""];
  const isSlow = y.shape[0] > FEW && candidates[0].startsWith("lanes") || bindingBytes;
  let first: Float32Array | undefined;
  for (const candidate of isSlow ? candidates.slice(-1) : candidates) {
    const graph = lower({ y }, { features, storage, tile: () => candidate });
    if (bindingBytes) assert.ok(graph.dispatches.length > 1, "pieces");
    const found = (await runLowered(engine, graph, feeds)).y as Float32Array;
    first ??= found;
    assert.deepEqual(found, first, candidate);
  }
  return first!;
}

const numbers = (seed: number, ...shape: number[]) =>
  Float32Array.from(normals(seed, ...shape).numbers);

function stored(dtype: FloatType, values: Float32Array, shape: readonly number[]): RawTensor {
  return { dtype, shape: [...shape], bytes: fromFloat32(values, dtype) };
}

/** Groups of so many rows, each of `count` and none among them; they begin at one that there is. */
const groupsOf = (rows: number, count: number) =>
  Int32Array.from(
    { length: rows },
    (_, row) => (row * 5 + count - 1) % (count + 1) - (row > 0 ? 1 : 0),
  )
    .map((group) => Math.min(group, count - 1));

/** Row r of x by column c of its group: Σ x[r, k] · of(group, k, c), zeros for no group. */
function plainProduct(
  x: Float32Array,
  groups: Int32Array,
  { inner, columns }: { inner: number; columns: number },
  at: (group: number, k: number, column: number) => number,
): Float64Array {
  const y = new Float64Array(groups.length * columns);
  groups.forEach((group, row) => {
    for (let column = 0; group >= 0 && column < columns; column++) {
      for (let k = 0; k < inner; k++) {
        y[row * columns + column] += x[row * inner + k] * at(group, k, column);
      }
    }
  });
  return y;
}

/** Storages of whole blocks and of none, few rows and more than eight. */
const PRODUCTS = [
  { dtype: "BF16", count: 1, inner: 104, columns: 66, rows: [1, 9] },
  { dtype: "F16", count: 3, inner: 70, columns: 33, rows: [2, 9] },
  { dtype: "F32", count: 4, inner: 1104, columns: 67, rows: [1, 8] },
] as const;

for (const { dtype, count, inner, columns, rows } of PRODUCTS) {
  gpuTest(
    `rows of ${inner} by ${count} ${dtype} matrices of ${columns} are the plain products, each as if alone`,
    async (engine) => {
      const matrices = stored(dtype, numbers(2, count, columns, inner), [count, columns, inner]);
      const widened = toFloat32(matrices);
      const product = (x: Float32Array, groups: Int32Array) =>
        byAll(
          engine,
          groupedMatmul(
            input("x", [groups.length, inner]),
            input("matrices", [count, columns, inner]),
            input("groups", [groups.length], "i32"),
          ),
          { x, matrices, groups },
        );
      for (const many of rows) {
        const [x, groups] = [numbers(1, many, inner), groupsOf(many, count)];
        const y = await product(x, groups);
        const expected = plainProduct(
          x,
          groups,
          { inner, columns },
          (group, k, column) => widened[(group * columns + column) * inner + k],
        );
        assertWithin(relativeError(y, expected), 5e-6, `${many} rows`);
        const last = await product(x.slice(-inner), groups.slice(-1));
        assert.deepEqual(y.slice(-columns), last, `the last of ${many} rows alone`);
      }
    },
  );
}

gpuTest("with one group it is the product of few rows, to the bit", async (engine) => {
  const [rows, inner, columns] = [2, 104, 66];
  const weight = stored("BF16", numbers(2, columns, inner), [columns, inner]);
  const x = input("x", [rows, inner]);
  const feeds = { x: numbers(1, rows, inner) };
  const dense = matmul(x, input("w", [columns, inner]), { transposeSecond: true });
  const groups = input("groups", [rows], "i32");
  assert.deepEqual(
    await byAll(engine, groupedMatmul(x, input("w", [1, columns, inner]), groups), {
      ...feeds,
      w: { ...weight, shape: [1, columns, inner] },
      groups: new Int32Array(rows),
    }),
    await byAll(engine, dense, { ...feeds, w: weight }),
  );
});

for (const [inner, columns] of [[36, 5], [1101, 67]] as const) {
  gpuTest(
    `rows of ${inner} by packed signs of ${columns}, each by its own, are those of one mask`,
    async (engine) => {
      const [rows, count, words] = [11, 3, Math.ceil(inner / 32)];
      const masks = Int32Array.from(randomMask(3, count * words, columns).numbers);
      const [x, groups] = [numbers(1, rows, inner), groupsOf(rows, count)];
      const y = await byAll(
        engine,
        groupedSignMatmul(
          input("x", [rows, inner]),
          input("masks", [count, words, columns], "i32"),
          input("groups", [rows], "i32"),
        ),
        { x, masks, groups },
      );
      for (const [row, group] of groups.entries()) {
        const found = y.slice(row * columns, (row + 1) * columns);
        if (group < 0) {
          assert.deepEqual(found, new Float32Array(columns));
          continue;
        }
        const one = signMatmul(input("x", [1, inner]), input("mask", [words, columns], "i32"));
        const alone = await byAll(engine, one, {
          x: x.slice(row * inner, (row + 1) * inner),
          mask: masks.slice(group * words * columns, (group + 1) * words * columns),
        });
        assert.deepEqual(found, alone, `row ${row}`);
      }
    },
  );
}

const inPieces: [name: string, y: (groups: Value) => Value, table: Numbers | RawTensor][] = [
  [
    "matrices",
    (groups) => groupedMatmul(input("x", [2, 32]), input("table", [5, 66, 32]), groups),
    stored("BF16", numbers(1, 5, 66, 32), [5, 66, 32]),
  ],
  [
    "one matrix",
    (groups) => groupedMatmul(input("x", [2, 32]), input("table", [1, 600, 32]), groups),
    numbers(2, 600, 32),
  ],
  [
    "masks",
    (groups) => groupedSignMatmul(input("x", [2, 32]), input("table", [3, 1, 64], "i32"), groups),
    Int32Array.from(randomMask(3, 3, 64).numbers),
  ],
];
for (const [name, build, table] of inPieces) {
  gpuTest(`products with ${name} beyond a binding are those of pieces`, async (engine) => {
    const y = build(input("groups", [2], "i32"));
    const { byteLength } = "bytes" in table ? table.bytes : table;
    for (const groups of [[0, -1], [0, 0], [build === inPieces[1][1] ? 0 : 2, 0]]) {
      const feeds = { x: numbers(4, 2, 32), table, groups: Int32Array.from(groups) };
      const whole = await byAll(engine, y, feeds);
      assert.deepEqual(await byAll(engine, y, feeds, byteLength * 0.9), whole, `${groups}`);
    }
  });
}

for (const dtype of ["F32", "BF16", "F16"] as const) {
  gpuTest(`rows of ${dtype} tables are what they hold`, async (engine) => {
    const [count, height, columns] = [3, 300, 33];
    const tables = stored(dtype, numbers(1, count, height, columns), [count, height, columns]);
    const widened = toFloat32(tables);
    const [groups, indices] = [Int32Array.of(2, -1, 0, 1, 2), Int32Array.of(299, 999, 0, 255, 17)];
    const taken = groupedRows(
      input("tables", [count, height, columns]),
      input("groups", [5], "i32"),
      input("indices", [5], "i32"),
    );
    const expected = [...groups].flatMap((group, row) => {
      const at = (group * height + indices[row]) * columns;
      return group < 0 ? Array(columns).fill(0) : [...widened.slice(at, at + columns)];
    });
    for (const bindingBytes of [undefined, 36_000, 50_000]) {
      const y = await byAll(engine, taken, { tables, groups, indices }, bindingBytes);
      assert.deepEqual([...y], expected, `${bindingBytes}`);
    }
  });
}

gpuTest("rows turn by their own angles as they do by their positions", async (engine) => {
  const turns = { frequencies: Float32Array.of(1, 0.1, 0.01, 0.001), attentionFactor: 1.1 };
  const [rows, headSize] = [12, 8];
  const x = input("x", [rows, 2 * headSize]);
  const { cosines, sines } = rotationTables(rows, turns);
  const feeds = { x: numbers(1, rows, 2 * headSize) };
  const [c, s] = [input("cosines", [rows, 4]), input("sines", [rows, 4])];
  assert.deepEqual(
    await byAll(engine, rotaryRows(x, c, s, headSize), { ...feeds, cosines, sines }),
    await byAll(engine, rotary(x, { batch: 1, sequence: rows, headSize }, turns), feeds),
  );
});

const groups = input("groups", [1], "i32");
const absent: [operation: string, y: Value, feeds: Feeds][] = [
  [
    "groupedMatmul",
    groupedMatmul(input("x", [1, 8]), input("table", [2, 4, 8]), groups),
    { x: new Float32Array(8), table: new Float32Array(64) },
  ],
  [
    "groupedSignMatmul",
    groupedSignMatmul(input("x", [1, 8]), input("masks", [2, 1, 4], "i32"), groups),
    { x: new Float32Array(8), masks: new Int32Array(8) },
  ],
  [
    "groupedRows",
    groupedRows(input("table", [2, 3, 4]), groups, input("indices", [1], "i32")),
    { table: new Float32Array(24), indices: new Int32Array(1) },
  ],
];
for (const [operation, y, feeds] of absent) {
  gpuTest(`${operation} refuses groups that are not there`, async (engine) => {
    const program = await engine.compile({ y });
    for (const group of [2, -2]) {
      await assert.rejects(
        program.run({ ...feeds as Record<string, Numbers>, groups: Int32Array.of(group) }),
        (error: Error) =>
          error instanceof DeviceError && error.message.includes(operation) &&
          error.message.includes("holds a NaN"),
        `group ${group}`,
      );
    }
    await program.release();
  });
}

gpuTest("a matrix of several that is larger than a binding is refused by name", async (engine) => {
  const { adapter } = engine.device;
  const columns = Math.ceil(adapter.limits.maxStorageBufferBindingSize / 4 / 1024) + 1;
  const y = groupedMatmul(input("x", [1, 1024]), input("table", [2, columns, 1024]), groups);
  const program = await engine.compile({ y });
  const x = new Float32Array(1024);
  const table = new Float32Array(0);
  Object.defineProperty(table, "length", { value: 2 * columns * 1024 });
  await assert.rejects(
    program.run({ x, table, groups: Int32Array.of(0) }),
    (error: Error) => error instanceof DeviceError && /groupedMatmul.*can bind/.test(error.message),
  );
  await program.release();
});
