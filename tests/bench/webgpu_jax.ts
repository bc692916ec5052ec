/** The float32 product against jax-js, which compiles its kernels for the same adapter. */

import { blockUntilReady, defaultDevice, getWebGPUDevice, init, jit, numpy } from "@jax-js/jax";
import { input } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { type Comparison, inTurns, medianQuotient, requireSame } from "./comparison.ts";
import { randomMatrix } from "./random_matrix.ts";

const SHAPES = [
  { rows: 512, inner: 512, columns: 512, turns: 15 },
  { rows: 128, inner: 4096, columns: 4096, turns: 5 },
];

/** GFLOPS of each shape, from the command to its completion. */
export async function compareWithJax(engine: WebGpuEngine): Promise<Comparison[]> {
  await init("webgpu");
  defaultDevice("webgpu");
  const theirs = getWebGPUDevice().adapterInfo;
  const ours = engine.device.adapter.name;
  if (theirs.description !== ours && theirs.device !== ours) {
    throw new Error(`jax-js runs on '${theirs.description || theirs.device}', not on '${ours}'`);
  }
  const rows: Comparison[] = [];
  for (const shape of SHAPES) rows.push(await compareShape(engine, shape));
  return rows;
}

async function compareShape(
  engine: WebGpuEngine,
  { rows, inner, columns, turns }: typeof SHAPES[number],
): Promise<Comparison> {
  const first = randomMatrix(rows, inner, 1, 1);
  const second = randomMatrix(inner, columns, 0.1, 2);
  const program = await engine.compile({
    product: matmul(input("first", [rows, inner]), input("second", [inner, columns])),
  });
  const feeds = { first: await engine.place(first), second: await engine.place(second) };
  const ours = async () => {
    const { product } = await program.keep(feeds);
    await engine.device.gpu.queue.onSubmittedWorkDone();
    product.release();
  };
  const multiply = jit((a: numpy.Array, b: numpy.Array) => numpy.matmul(a, b));
  const a = numpy.array(first).reshape([rows, inner]);
  const b = numpy.array(second).reshape([inner, columns]);
  const theirs = async () => {
    const product = multiply(a.ref, b.ref);
    await blockUntilReady(product);
    product.dispose();
  };

  const { product } = await program.run(feeds);
  const peerProduct = await multiply(a.ref, b.ref).data();
  requireSame("product", norm(product as Float32Array), norm(peerProduct as Float32Array), 1e-5);
  // Both have compiled; a first turn more, and both have warmed up.
  await inTurns(1, [ours, theirs]);
  const [seconds, peerSeconds] = await inTurns(turns, [ours, theirs]);
  for (const each of [a, b]) each.dispose();
  for (const each of Object.values(feeds)) each.release();
  await program.release();

  const gigaflops = (times: number[]) => 2e-9 * rows * inner * columns / Math.min(...times);
  return {
    what: `float32 product, ${rows} × ${inner} × ${columns}`,
    unit: "GFLOPS",
    ours: gigaflops(seconds),
    peer: gigaflops(peerSeconds),
    quotient: medianQuotient(peerSeconds, seconds),
    peerIs: "jax-js",
    better: "higher",
    bound: null,
    timesPeer: 2,
  };
}

function norm(values: Float32Array): number {
  return Math.sqrt(values.reduce((total, value) => total + value * value, 0));
}
