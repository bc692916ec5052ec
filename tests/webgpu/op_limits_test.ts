/** Ops where kernels could go wrong unseen: many workgroups, several stages, 16-bit weights, bad tokens. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { DeviceError } from "../../lib/util/errors.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Value } from "../../lib/graph/graph.ts";
import { concatenateRows, gatherRows } from "../../lib/graph/ops/matrix.ts";
import { argmax, crossEntropy, klDivergence } from "../../lib/graph/ops/likelihood.ts";
import { broadcastTo, multiply, sumTo } from "../../lib/graph/ops/elementwise.ts";
import { rmsNormalize } from "../../lib/graph/ops/normalize.ts";
import { rotary } from "../../lib/graph/ops/rotary.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { fixed, normals, type Operand, wholes } from "../graph/op_case.ts";
import { rmsNormalize as plainRmsNormalize } from "../graph/plain/matrix.ts";
import { gpuTest, openEngineWithout } from "./gpu.ts";
import { positive } from "./operands.ts";
import { assertSame, type EngineCase, testSame } from "./same_as_onnx.ts";

/** Tokens spread over `end`, many of them more than once. */
function tokens(count: number, end: number): Operand {
  return wholes(...Array.from({ length: count }, (_, index) => (index * index) % end));
}

const sums = ([rows, columns]: [number, number]): EngineCase => ({
  name: `sumTo [${columns}] of ${rows} rows`,
  operands: [positive(normals(1, rows, columns))],
  build: (x) => sumTo(x, [columns]),
  bound: 1e-5,
});

const turns = { frequencies: Float32Array.of(1, 0.1, 0.01, 0.001), attentionFactor: 1 };

const cases: EngineCase[] = [
  // 2,048 numbers, or 32 rows of 64 columns, are one stage.
  ...([[2049, 1], [33, 65], [5000, 3], [70_000, 1], [1100, 64]] as const).map(
    ([rows, columns]) => sums([rows, columns]),
  ),
  {
    name: "rmsNormalize of 65,600 rows",
    operands: [fixed(normals(1, 65_600, 2))],
    build: (x) => rmsNormalize(x, 1e-5),
  },
  {
    name: "gatherRows and scatterRows of repeated tokens",
    operands: [normals(1, 300, 33), tokens(400, 300)],
    build: gatherRows,
  },
  {
    name: "rotary at positions beyond 1,500",
    operands: [normals(1, 1537, 16)],
    build: (x) => rotary(x, { batch: 1, sequence: 1537, headSize: 8 }, turns),
  },
  {
    name: "crossEntropy of a vocabulary of 5,000",
    operands: [normals(1, 3, 5000), tokens(3, 5000)],
    build: crossEntropy,
  },
  {
    name: "crossEntropy where tokens are impossible",
    operands: [impossible(normals(1, 3, 100)), wholes(1, 1, 98)],
    build: crossEntropy,
  },
  ...[1, 7, 8, 50].map((count): EngineCase => ({
    name: `concatenateRows of ${count} pieces`,
    operands: Array.from({ length: count }, (_, index) => fixed(normals(index, index % 4 + 1, 5))),
    build: (...pieces) => concatenateRows(pieces),
  })),
];

/** Every third logit is −∞. */
function impossible(logits: Operand): Operand {
  return { ...logits, numbers: logits.numbers.map((each, at) => at % 3 === 0 ? -Infinity : each) };
}

cases.forEach(testSame);

gpuTest("grids of more than 65,535 workgroups reach every element", async (engine) => {
  const columns = 65_535 * 64 + 65;
  const ones = broadcastTo(input("one", []), [2, columns]);
  const rows = gatherRows(input("table", [3, 1050]), input("indices", [4000], "i32"));
  const program = await engine.compile({
    summed: sumTo(sumTo(ones, [columns]), []),
    gathered: sumTo(rows, []),
  });
  const results = await program.run({
    one: Float32Array.of(1),
    table: new Float32Array(3 * 1050).fill(1),
    indices: new Int32Array(4000).fill(2),
  });
  // Below 2²⁴ float32 counts exactly.
  assert.deepEqual([...results.summed], [2 * columns]);
  assert.deepEqual([...results.gathered], [4000 * 1050]);
  await program.release();
});

const reductions: [name: string, build: (x: Value) => Value][] = [
  ["rmsNormalize", (x) => rmsNormalize(x, 1e-5)],
  ["argmax", argmax],
  ["klDivergence", (x) => klDivergence(multiply(x, x), x)],
];

gpuTest("row ops: any number of rows and columns gives the numbers of ONNX", async (engine) => {
  const size = fc.integer({ min: 1, max: 140 });
  await fc.assert(
    fc.asyncProperty(size, size, async (rows, columns) => {
      for (const [name, build] of reductions) {
        await assertSame(engine, {
          name: `${name} of [${rows}, ${columns}]`,
          operands: [fixed(normals(rows + columns, rows, columns))],
          build,
          bound: 1e-5,
        });
      }
    }),
    { numRuns: 12, seed: 1 },
  );
});

gpuTest("row ops give the same numbers on a device without subgroups", async () => {
  using engine = await openEngineWithout("subgroups");
  assert.equal(engine.device.features.subgroups, false);
  for (const [name, build] of reductions) {
    const operands = [fixed(normals(1, 5, 131))];
    await assertSame(engine, { name, operands, build });
  }
  const x = normals(1, 5, 131);
  const build = (x: Value) => rmsNormalize(x, 1e-5);
  await assertSame(engine, { name: "rmsNormalize", operands: [x], build });
  await assertSame(engine, {
    name: "crossEntropy",
    operands: [x, tokens(5, 131)],
    build: crossEntropy,
  });
});

gpuTest("16-bit weights are widened in gatherRows and a norm with its weight", async (engine) => {
  // Numbers that bfloat16 holds: 8 bits of significand.
  const table = Float32Array.from({ length: 7 * 33 }, (_, at) => (at % 255 - 127) / 8);
  const bytes = new Uint8Array(
    Uint16Array.from(table, (_, at) => new Uint32Array(table.buffer)[at] >>> 16).buffer,
  );
  const placed = await engine.place({ dtype: "BF16", shape: [7, 33], bytes });
  const weight = await engine.place({ dtype: "BF16", shape: [33], bytes: bytes.subarray(66, 132) });
  const rows = gatherRows(input("table", [7, 33]), input("indices", [3], "i32"));
  const program = await engine.compile({
    rows,
    scaled: multiply(rmsNormalize(rows, 1e-5), input("weight", [33])),
  });
  const indices = Int32Array.of(6, 0, 6);
  const { rows: gathered, scaled } = await program.run({ table: placed, weight, indices });
  const expected = [...indices].flatMap((row) => [...table.subarray(row * 33, (row + 1) * 33)]);
  assert.deepEqual([...gathered], expected);
  const normalized = plainRmsNormalize(Float64Array.from(expected), 33, 1e-5);
  const product = normalized.map((each, at) => each * table[33 + at % 33]);
  assertWithin(relativeError(scaled, product), 1e-6, "rmsNormalizeScaled");
  await program.release();
  placed.release();
  weight.release();
});

const absent: [operation: string, build: (matrix: Value, tokens: Value) => Value][] = [
  ["gatherRows", gatherRows],
  ["crossEntropy", crossEntropy],
];
for (const [operation, build] of absent) {
  for (const token of [9, -1]) {
    gpuTest(`${operation} refuses token ${token} of 9`, async (engine) => {
      const matrix = input("matrix", operation === "gatherRows" ? [9, 4] : [2, 9]);
      const program = await engine.compile({ y: build(matrix, input("tokens", [2], "i32")) });
      const feeds = {
        matrix: new Float32Array(matrix.shape[0] * matrix.shape[1]),
        tokens: Int32Array.of(1, token),
      };
      await assert.rejects(program.run(feeds), (error: Error) => {
        assert.ok(error instanceof DeviceError, String(error));
        assert.ok(error.message.includes(operation), error.message);
        return true;
      });
      await program.release();
    });
  }
}

gpuTest("sums by token and over rows have the same bits in every run", async (engine) => {
  const matrix = input("matrix", [5, 33]);
  const indices = input("indices", [3000], "i32");
  const x = input("x", [3000, 33]);
  const program = await engine.compile({
    scattered: gradient(gatherRows(matrix, indices), [matrix], x)[0],
    summed: sumTo(x, []),
  });
  const feeds = {
    indices: Int32Array.from(tokens(3000, 5).numbers),
    x: Float32Array.from(normals(1, 3000, 33).numbers),
  };
  const first = structuredClone(await program.run(feeds));
  for (let run = 0; run < 5; run++) assert.deepEqual(await program.run(feeds), first);
  await program.release();
});
