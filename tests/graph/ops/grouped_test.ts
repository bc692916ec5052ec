/** Products and rows of groups on the CPU: their numbers, alone and between other ops, on one thread and two. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { FloatKernels } from "../../../lib/checkpoint/float_kernels.ts";
import { fromFloat32 } from "../../../lib/checkpoint/tensor.ts";
import type { Feed } from "../../../lib/graph/engine.ts";
import { input, type Numbers, type Value } from "../../../lib/graph/graph.ts";
import { add, silu } from "../../../lib/graph/ops/elementwise.ts";
import { groupedMatmul, groupedRows, groupedSignMatmul } from "../../../lib/graph/ops/grouped.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { assertWithin, relativeError } from "../closeness.ts";
import {
  asStored,
  normalRows,
  plainGroupedMatmul,
  plainGroupedSignMatmul,
  randomWords,
  reservedOf,
} from "./grouped_case.ts";

const engines = [1, 2].map((threads) => onnxEngine({ threads }));
const [engine] = engines;
const types = ["F32", "BF16", "F16"] as const;

/** Results of a graph on one thread, after it has been seen that two give the same. */
async function results(
  outputs: Record<string, Value>,
  feeds: Record<string, Feed>,
): Promise<Record<string, Numbers>> {
  const all = [];
  for (const each of engines) {
    const program = await each.compile(outputs);
    all.push(await program.run(feeds));
    await program.release();
  }
  assert.deepEqual(all[1], all[0]);
  return all[0];
}

const [rows, inputs, outputs] = [5, 37, 43];
const x = input("x", [rows, inputs]);
const groups = input("groups", [rows], "i32");
const ofRows = Int32Array.of(2, -1, 0, 2, 1);
const numbers = normalRows(1, rows, inputs);

for (const dtype of types) {
  Deno.test(`rows times matrices of their groups, stored as ${dtype}`, async () => {
    const shape = [3, outputs, inputs];
    const stored = asStored(normalRows(2, ...shape), dtype);
    const matrices = await reservedOf(engine, stored, dtype, shape);
    const product = groupedMatmul(x, input("matrices", shape), groups);
    const { y } = await results({ y: product }, { x: numbers, matrices, groups: ofRows });
    const expected = plainGroupedMatmul(numbers, stored, ofRows, shape);
    assertWithin(relativeError(y, expected), 1e-6, dtype);
    assert.deepEqual(y.subarray(outputs, 2 * outputs), new Float32Array(outputs));
    // From anywhere else they are the same.
    const plain = await results({ y: product }, { x: numbers, matrices: stored, groups: ofRows });
    assert.deepEqual(plain.y, y);
    matrices.release();
  });

  Deno.test(`rows of tables stored as ${dtype} are widened`, async () => {
    for (const width of [1, 4, 37]) {
      const shape = [3, 4, width];
      const stored = asStored(normalRows(3, ...shape), dtype);
      const tables = await reservedOf(engine, stored, dtype, shape);
      const indices = Int32Array.of(3, 99, 0, 1, 2);
      const read = groupedRows(input("tables", shape), groups, input("indices", [rows], "i32"));
      const { y } = await results({ y: read }, { tables, groups: ofRows, indices });
      const row = (group: number, index: number) =>
        group < 0
          ? new Float32Array(width)
          : stored.subarray((group * 4 + index) * width, (group * 4 + index + 1) * width);
      const expected = [...ofRows].flatMap((group, at) => [...row(group, indices[at])]);
      assert.deepEqual([...y], expected);
      tables.release();
    }
  });
}

Deno.test("rows times the signs of their groups", async () => {
  for (const width of [31, 32, 37, 100]) {
    const shape = [3, Math.ceil(width / 32), outputs];
    const words = randomWords(4, ...shape);
    const masks = await reservedOf(engine, words, "F32", shape);
    const given = normalRows(5, rows, width);
    const product = groupedSignMatmul(
      input("x", [rows, width]),
      input("masks", shape, "i32"),
      groups,
    );
    const { y } = await results({ y: product }, { x: given, masks, groups: ofRows });
    const expected = plainGroupedSignMatmul(given, words, ofRows, shape);
    // Of sums in sixteen bits; `few_rows_test.ts` bounds each.
    assertWithin(relativeError(y, expected), 2e-4, `${width}`);
    masks.release();
  }
});

Deno.test("a row's numbers are the same alone and among others", async () => {
  const shape = [3, outputs, inputs];
  const matrices = await reservedOf(engine, normalRows(2, ...shape), "BF16", shape);
  const words = [3, Math.ceil(inputs / 32), outputs];
  const masks = await reservedOf(engine, randomWords(4, ...words), "F32", words);
  const both = (rows: number) => {
    const [x, groups] = [input("x", [rows, inputs]), input("groups", [rows], "i32")];
    return {
      dense: groupedMatmul(x, input("matrices", shape), groups),
      signs: groupedSignMatmul(x, input("masks", words, "i32"), groups),
    };
  };
  const all = await results(both(rows), { x: numbers, matrices, masks, groups: ofRows });
  for (let row = 0; row < rows; row++) {
    const alone = await results(both(1), {
      x: numbers.slice(row * inputs, (row + 1) * inputs),
      groups: ofRows.slice(row, row + 1),
      matrices,
      masks,
    });
    for (const name of ["dense", "signs"]) {
      assert.deepEqual(all[name].slice(row * outputs, (row + 1) * outputs), alone[name]);
    }
  }
  matrices.release();
  masks.release();
});

Deno.test("ops of the team stand anywhere in a graph, their results as often as is asked", async () => {
  const shape = [3, inputs, inputs];
  const stored = normalRows(6, ...shape);
  const matrices = input("matrices", shape);
  const first = groupedMatmul(silu(x), matrices, groups);
  const second = groupedMatmul(first, matrices, groups);
  const outputs = {
    y: add(silu(second), add(first, x)),
    second,
    "first again": first,
    first,
    x,
    gate: silu(x),
  };
  const found = await results(outputs, { x: numbers, matrices: stored, groups: ofRows });
  const plainSilu = (all: ArrayLike<number>) =>
    Float32Array.from(all, (each) => each / (1 + Math.exp(-each)));
  const times = (rows: ArrayLike<number>) =>
    plainGroupedMatmul(Float32Array.from(rows), stored, ofRows, shape);
  const one = times(plainSilu(numbers));
  const two = times(one);
  const y = plainSilu(two).map((each, at) => each + one[at] + numbers[at]);
  assertWithin(relativeError(found.y, y), 1e-5, "y");
  assertWithin(relativeError(found.second, two), 1e-5, "second");
  assertWithin(relativeError(found.first, one), 1e-5, "first");
  assert.deepEqual(found["first again"], found.first);
  assert.deepEqual(found.x, numbers);
});

Deno.test("rows that are stored in 16 bits, shared or formed are read as their floats", async () => {
  const shape = [1, outputs, inputs];
  const stored = asStored(normalRows(7, rows, inputs), "BF16");
  const ofOne = new Int32Array(rows);
  const product = groupedMatmul(x, input("matrices", shape), groups);
  const matrices = normalRows(8, ...shape);
  const run = async (x: Feed, matrices: Feed) =>
    (await results({ y: product }, { x, matrices, groups: ofOne })).y;
  const expected = await run(stored, matrices);
  const raw = { dtype: "BF16", shape: [rows, inputs], bytes: fromFloat32(stored, "BF16") } as const;
  const formed = {
    ...{ shape, byteLength: 0 },
    form: (_: FloatKernels, target: Float32Array) => target.set(matrices),
  };
  assert.deepEqual(await run(await engine.place(raw), await engine.place(formed)), expected);
  const reserved = await reservedOf(engine, stored, "BF16", [rows, inputs]);
  assert.deepEqual(await run(reserved, matrices), expected);
  reserved.release();
  const wide = { dtype: "F64", shape, bytes: new Uint8Array(8 * outputs * inputs) } as const;
  const placed = await engine.place(wide);
  await assert.rejects(run(stored, placed), /cannot read F64 as floats; expected F32, F16 or BF16/);
});

Deno.test("groups and rows that are not there are refused", async () => {
  const program = await engine.compile({
    y: groupedMatmul(x, input("matrices", [3, outputs, inputs]), groups),
    rows: groupedRows(input("tables", [3, 4, 2]), groups, input("indices", [rows], "i32")),
  });
  const feeds = (groups: number, index: number) => ({
    x: numbers,
    matrices: new Float32Array(3 * outputs * inputs),
    groups: new Int32Array(rows).fill(groups),
    tables: new Float32Array(24),
    indices: new Int32Array(rows).fill(index),
  });
  for (
    const [group, index, words] of [
      [3, 0, /'groupedMatmul': there is no such group: got 3; expected -1 to 2/],
      [-2, 0, /there is no such group: got -2/],
      [0, 4, /'groupedRows': there is no such row: got 4; expected 0 to 3/],
      [0, -1, /there is no such row: got -1/],
    ] as const
  ) {
    await assert.rejects(program.run(feeds(group, index)), words);
  }
  await program.run(feeds(-1, 9));
  await program.release();
});

Deno.test("operands that do not fit are refused", () => {
  const whole = (name: string, ...shape: number[]) => input(name, shape, "i32");
  const real = (name: string, ...shape: number[]) => input(name, shape);
  const refused: (() => Value)[] = [
    () => groupedMatmul(x, real("m", 3, 43, 36), groups),
    () => groupedMatmul(x, real("m", 43, 37), groups),
    () => groupedMatmul(x, whole("m", 3, 43, 37), groups),
    () => groupedMatmul(x, real("m", 3, 43, 37), whole("g", 4)),
    () => groupedMatmul(x, real("m", 3, 43, 37), real("g", 5)),
    () => groupedSignMatmul(x, whole("m", 3, 1, 43), groups),
    () => groupedSignMatmul(x, real("m", 3, 2, 43), groups),
    () => groupedRows(real("t", 3, 4), groups, groups),
    () => groupedRows(real("t", 3, 4, 2), groups, whole("i", 4)),
  ];
  for (const build of refused) assert.throws(build, GraphError);
});
