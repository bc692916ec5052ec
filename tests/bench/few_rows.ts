/**
 * Products of few rows on the CPU at the shapes of a model of 1.1 billion weights (TinyLlama's): the base's, signs of
 * eight tenants and their heads, beside plain reading of memory and ONNX Runtime's products of float32; and what they
 * come to for a step of decoding.
 */

import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import type { Engine, Feed, Reserved } from "../../lib/graph/engine.ts";
import { input, type Value } from "../../lib/graph/graph.ts";
import { groupedMatmul, groupedSignMatmul } from "../../lib/graph/ops/grouped.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { type Comparison, inTurns, medianQuotient } from "./comparison.ts";
import { plainReader } from "./plain_reading.ts";
import { randomMatrix } from "./random_matrix.ts";

const THREADS = 2;
const TENANTS = 8;
const TURNS = 5;

/** Layers of the model, and those whose weights are made: more than a cache holds. */
const [LAYERS, MADE] = [22, 3];
/** Outputs and inputs of the matrices of a layer: q, k, v, o, gate, up, down. */
const MATRICES = [
  [2048, 2048],
  [256, 2048],
  [256, 2048],
  [2048, 2048],
  [5632, 2048],
  [5632, 2048],
  [2048, 5632],
] as const;
const [VOCABULARY, HIDDEN] = [32000, 2048];
/** Outputs of a head that are made for each tenant. */
const HEAD_MADE = 4000;

const weights = MATRICES.reduce((sum, [outputs, inputs]) => sum + outputs * inputs, 0);

/** Products with all matrices of a layer, as one graph. */
function layerGraph(
  rows: number,
  product: (x: Value, table: string, shape: readonly [number, number]) => Value,
): Record<string, Value> {
  return Object.fromEntries(MATRICES.map((shape, at) => {
    const x = input(`x ${shape[1]}`, [rows, shape[1]]);
    return [`y ${at}`, product(x, `table ${at}`, shape)];
  }));
}

/** A graph, run with the tables of one layer after another. */
async function overLayers(
  engine: Engine,
  rows: number,
  outputs: Record<string, Value>,
  layers: readonly (readonly Feed[])[],
  others: Record<string, Feed> = {},
): Promise<() => Promise<void>> {
  const program = await engine.compile(outputs);
  const xs = Object.fromEntries(
    [2048, 5632].map((width) => [`x ${width}`, randomMatrix(rows, width, 1, width)]),
  );
  return async () => {
    for (const tables of layers) {
      const feeds = Object.fromEntries(tables.map((table, at) => [`table ${at}`, table]));
      await program.run({ ...xs, ...others, ...feeds });
    }
  };
}

/** Reserved memory with these numbers. */
async function filled(
  engine: Engine,
  shape: readonly number[],
  numbers: Float32Array | Int32Array,
): Promise<Reserved> {
  const isWhole = numbers instanceof Int32Array;
  const table = await engine.reserve({ dtype: isWhole ? "I32" : "BF16", shape }, "table");
  await table.write(
    0,
    isWhole ? numbers : { dtype: "BF16", shape, bytes: fromFloat32(numbers, "BF16") },
  );
  return table;
}

/** Speeds, and a step of eight tenants beside a plain one. */
export async function compareFewRows(): Promise<Comparison[]> {
  const engine = onnxEngine({ threads: THREADS });
  const made = Array.from({ length: MADE }, (_, at) => at);
  const floats = made.map((layer) =>
    MATRICES.map(([outputs, inputs], at) => randomMatrix(outputs, inputs, 0.02, 10 * layer + at))
  );
  const dense: Reserved[][] = [];
  const masks: Reserved[][] = [];
  for (const layer of floats) {
    const [matrices, words]: Reserved[][] = [[], []];
    for (const [at, [outputs, inputs]] of MATRICES.entries()) {
      matrices.push(await filled(engine, [1, outputs, inputs], layer[at]));
      const shape = [TENANTS, Math.ceil(inputs / 32), outputs];
      // Bits of floats are as good as any others here.
      const count = TENANTS * shape[1] * outputs;
      words.push(
        await filled(engine, shape, new Int32Array(randomMatrix(1, count, 1, at).buffer)),
      );
    }
    dense.push(matrices);
    masks.push(words);
  }
  const base = (rows: number) =>
    overLayers(
      engine,
      rows,
      layerGraph(rows, (x, table, shape) =>
        groupedMatmul(x, input(table, [1, ...shape]), input("groups", [rows], "i32"))),
      dense,
      { groups: new Int32Array(rows) },
    );
  const plain = async (rows: number) =>
    await overLayers(
      engine,
      rows,
      layerGraph(rows, (x, table, shape) =>
        matmul(x, input(table, shape), { transposeSecond: true })),
      await Promise.all(floats.map((layer) =>
        Promise.all(layer.map((matrix) =>
          engine.place(matrix)
        ))
      )),
    );
  const groups = Int32Array.from({ length: TENANTS }, (_, at) => at);
  const signs = await overLayers(
    engine,
    TENANTS,
    layerGraph(TENANTS, (x, table, [outputs, inputs]) => {
      const shape = [TENANTS, Math.ceil(inputs / 32), outputs];
      return groupedSignMatmul(x, input(table, shape, "i32"), input("groups", [TENANTS], "i32"));
    }),
    masks,
    { groups },
  );
  const headShape = [TENANTS, HEAD_MADE, HIDDEN];
  const head = await filled(
    engine,
    headShape,
    randomMatrix(TENANTS * HEAD_MADE, HIDDEN, 0.02, 99),
  );
  const heads = async (rows: number) => {
    const program = await engine.compile({
      y: groupedMatmul(
        input("x", [rows, HIDDEN]),
        input("head", headShape),
        input("groups", [rows], "i32"),
      ),
    });
    const x = randomMatrix(rows, HIDDEN, 1, 5);
    return async () => {
      await program.run({ x, head, groups: groups.subarray(0, rows) });
    };
  };
  const read = await plainReader(THREADS);
  const actions = [
    () => read(dense.flat()),
    await base(1),
    await base(TENANTS),
    signs,
    await heads(1),
    await heads(TENANTS),
    await plain(1),
    await plain(TENANTS),
  ];
  await inTurns(1, actions);
  const seconds = await inTurns(TURNS, actions);
  for (const table of [...dense, ...masks].flat()) table.release();
  head.release();
  return comparisons(seconds);
}

/** Of seconds of each, in the order above. */
function comparisons(seconds: number[][]): Comparison[] {
  const least = seconds.map((each) => Math.min(...each));
  const [reading, one, eight, signs, , , plainOne, plainEight] = least;
  const gigabytes = 2 * MADE * weights / 1e9;
  const products = 2 * MADE * weights / 1e9;
  const onnx = { peerIs: "ONNX Runtime's MatMul of float32 weights", better: "higher" } as const;
  const ofStep = (turn: number, of: readonly number[], head: number) =>
    LAYERS / MADE * of.reduce((sum, at) => sum + seconds[at][turn], 0) +
    VOCABULARY / HEAD_MADE * seconds[head][turn];
  const turns = seconds[0].map((_, turn) => turn);
  const single = turns.map((turn) => ofStep(turn, [1], 4));
  const mixed = turns.map((turn) => ofStep(turn, [2, 3], 5));
  const inTurn = single.map((each) => TENANTS * each);
  const [alone, together] = [single, mixed].map((each) => 1000 * Math.min(...each));
  const threads = `${THREADS} cores`;
  return [
    {
      what: `base weights read for 1 row, bfloat16, ${threads}`,
      unit: "GB/s",
      ours: gigabytes / one,
      peer: gigabytes / reading,
      peerIs: "plain reading of the same memory",
      better: "higher",
      bound: 8,
    },
    {
      what: `base's products of 1 row, ${threads}`,
      unit: "GFLOPS",
      ours: products / one,
      peer: products / plainOne,
      bound: null,
      ...onnx,
    },
    {
      what: `base's products of ${TENANTS} rows, ${threads}`,
      unit: "GFLOPS",
      ours: TENANTS * products / eight,
      peer: TENANTS * products / plainEight,
      bound: null,
      ...onnx,
    },
    {
      what: `signs of ${TENANTS} rows of ${TENANTS} tenants, ${threads}`,
      unit: "G signs/s",
      ours: TENANTS * MADE * weights / 1e9 / signs,
      peer: null,
      peerIs: "none",
      better: "higher",
      bound: 20,
    },
    {
      what: `products of a step of ${TENANTS} tenants, each with a head of its own, ${threads}`,
      unit: "ms",
      ours: together,
      peer: alone,
      peerIs: "those of a plain step of the base",
      better: "lower",
      bound: null,
      timesPeer: 2.5,
      quotient: medianQuotient(mixed, single),
    },
    {
      what: `tokens of ${TENANTS} tenants in one batch, products alone, ${threads}`,
      unit: "tokens/s",
      ours: 1000 * TENANTS / together,
      peer: 1000 / alone,
      peerIs: "full models, one after another",
      better: "higher",
      bound: null,
      timesPeer: 3,
      quotient: medianQuotient(inTurn, mixed),
    },
  ];
}
