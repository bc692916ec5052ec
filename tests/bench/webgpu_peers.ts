/**
 * Products beside those of others who compute by WebGPU on the same machine in the same run: jax-js, and
 * ONNX Runtime's WebGPU provider. A peer that cannot run is a row that says why.
 */

import { median } from "simple-statistics";
import { fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { input, type Value } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { timeChains } from "./chains.ts";
import { type Comparison, medianQuotient, requireSame } from "./comparison.ts";
import { jaxProducts } from "./jax_products.ts";
import { onnxRuntimeProducts } from "./onnx_runtime_products.ts";
import { randomMatrix } from "./random_matrix.ts";

/** Products `[rows, inner] · [inner, columns]`, then `[rows, columns] · [columns, inner]`, and so on. */
export interface ChainSizes {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
}

/** The operands of a chain of products, float32. */
export interface ChainOperands extends ChainSizes {
  readonly x: Float32Array<ArrayBuffer>;
  /** `[inner, columns]` and `[columns, inner]`; one matrix where they are square. */
  readonly weights: readonly Float32Array<ArrayBuffer>[];
}

/** Chains of products by one program. */
export interface Products {
  /** A chain; `read` runs it too, and returns its last product. */
  chain(
    length: number,
  ): Promise<{ run(): Promise<void>; read(): Promise<Float32Array>; release(): unknown }>;
  release(): unknown;
}

/** Who else computes products by WebGPU. */
interface Peer {
  readonly name: string;
  readonly open: (operands: ChainOperands, engine: WebGpuEngine) => Promise<Products>;
  /** Times its speed that ours is at least. */
  readonly timesPeer: { readonly software: number; readonly hardware?: number };
}

const peers: readonly Peer[] = [
  { name: "jax-js", open: jaxProducts, timesPeer: { software: 2 } },
  {
    name: "ONNX Runtime's WebGPU provider",
    open: onnxRuntimeProducts,
    timesPeer: { software: 2, hardware: 3 },
  },
];

const SIZES = {
  software: [
    { rows: 512, inner: 512, columns: 512 },
    { rows: 128, inner: 4096, columns: 4096 },
  ],
  hardware: [
    { rows: 128, inner: 4096, columns: 4096 },
    { rows: 512, inner: 4096, columns: 11008 },
    { rows: 2048, inner: 4096, columns: 4096 },
  ],
};
const TURNS = 3;

/** GFLOPS of each product, ours with weights as each kind of device is bound to have them. */
export async function compareWithPeers(engine: WebGpuEngine): Promise<Comparison[]> {
  const kind = engine.device.adapter.software ? "software" : "hardware";
  const rows: Comparison[] = [];
  for (const sizes of SIZES[kind]) {
    for (const peer of peers) rows.push(await compare(engine, peer, sizes, kind));
  }
  return rows;
}

async function compare(
  engine: WebGpuEngine,
  { name, open, timesPeer }: Peer,
  sizes: ChainSizes,
  kind: "software" | "hardware",
): Promise<Comparison> {
  const operands = chainOperands(sizes);
  const storage = kind === "software" ? "float32" : "bfloat16";
  const ours = await ourProducts(operands, engine, storage);
  const peer = await open(operands, engine).catch((error: Error) => error);
  const { rows, inner, columns } = sizes;
  const gigaflops = (seconds: number[]) => 2e-9 * rows * inner * columns / median(seconds);
  const row = {
    what: `product, ${rows} × ${inner} × ${columns}, W ${storage}`,
    unit: "GFLOPS",
    better: "higher",
    bound: null,
    timesPeer: timesPeer[kind],
  } as const;
  try {
    if (peer instanceof Error) {
      const [seconds] = await timeChains([ours.chain], { turns: TURNS });
      const peerIs = `${name}, which cannot run: ${peer.message.split("\n")[0].slice(0, 120)}`;
      return { ...row, ours: gigaflops(seconds), peer: null, peerIs };
    }
    // bfloat16 keeps three digits of a weight.
    const tolerance = storage === "float32" ? 1e-5 : 1e-2;
    requireSame("product", await normOfOne(ours), await normOfOne(peer), tolerance);
    const [seconds, theirs] = await timeChains([ours.chain, peer.chain], { turns: TURNS });
    return {
      ...row,
      ours: gigaflops(seconds),
      peer: gigaflops(theirs),
      quotient: medianQuotient(theirs, seconds),
      peerIs: storage === "float32" ? name : `${name}, W float32`,
    };
  } finally {
    await ours.release();
    if (!(peer instanceof Error)) await peer.release();
  }
}

async function normOfOne(products: Products): Promise<number> {
  const chain = await products.chain(1);
  const values = await chain.read();
  await chain.release();
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0));
}

/** Numbers whose products neither grow nor vanish along a chain. */
function chainOperands(sizes: ChainSizes): ChainOperands {
  const { rows, inner, columns } = sizes;
  const there = randomMatrix(inner, columns, inner ** -0.5, 2);
  const back = randomMatrix(columns, inner, columns ** -0.5, 3);
  return {
    ...sizes,
    x: randomMatrix(rows, inner, 1, 1),
    weights: inner === columns ? [there] : [there, back],
  };
}

/** Graph of a chain; `transposed`: of weights `[out, in]`. */
export function chainGraph(
  { rows, inner, columns, weights }: ChainOperands,
  length: number,
  transposed = false,
): Value {
  let y = input("x", [rows, inner]);
  for (let index = 0; index < length; index++) {
    const [from, to] = index % 2 === 0 ? [inner, columns] : [columns, inner];
    const shape = transposed ? [to, from] : [from, to];
    const weight = input(`weight ${index % weights.length}`, shape);
    y = matmul(y, weight, { transposeSecond: transposed });
  }
  return y;
}

/** float32: x · W, as the peers do it; bfloat16: x · Wᵀ, as checkpoints have it. */
export async function ourProducts(
  operands: ChainOperands,
  engine: WebGpuEngine,
  storage: "float32" | "bfloat16",
): Promise<Products> {
  const { x, weights, inner, columns } = operands;
  const feeds = { x: await engine.place(x) };
  const transposed = storage === "bfloat16";
  for (const [index, weight] of weights.entries()) {
    const [from, to] = index === 0 ? [inner, columns] : [columns, inner];
    const shape = [to, from];
    const numbers = transposed
      ? { dtype: "BF16" as const, shape, bytes: fromFloat32(turned(weight, from, to), "BF16") }
      : weight;
    Object.assign(feeds, { [`weight ${index}`]: await engine.place(numbers) });
  }
  return {
    async chain(length) {
      const program = await engine.compile({ y: chainGraph(operands, length, transposed) });
      return {
        async run() {
          const { y } = await program.keep(feeds);
          await engine.device.gpu.queue.onSubmittedWorkDone();
          y.release();
        },
        read: async () => (await program.run(feeds)).y as Float32Array,
        release: () => program.release(),
      };
    },
    release: () => Object.values(feeds).forEach((each) => each.release()),
  };
}

function turned(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[column * rows + row] = matrix[row * columns + column];
    }
  }
  return result;
}
