/**
 * The activation-aware scale of one layer, against the study's way to the same number: the covariance
 * of the inputs and both out × out products. Both on the same engine; centring is left out of both.
 */

import { projectionProducts } from "../../lib/methods/projection_products.ts";
import { float32Tensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import type { Engine, Program } from "../../lib/graph/engine.ts";
import { input } from "../../lib/graph/graph.ts";
import { matmul } from "../../lib/graph/ops/matrix.ts";
import { sign } from "../../lib/graph/ops/signs.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { type Comparison, fastest, memoryAbove, requireSame } from "./comparison.ts";
import { randomMatrix } from "./random_matrix.ts";

const SIZE = 4096;
const ROWS = 512;
const THREADS = 2;

/** Seconds and memory. The peer runs last: it needs more memory, which the process may then keep. */
export async function compareActivationAware(): Promise<Comparison[]> {
  const engine = onnxEngine({ threads: THREADS });
  const inputs = randomMatrix(ROWS, SIZE, 1, 3);
  const delta = randomMatrix(SIZE, SIZE, 0.001, 4);
  const placed = await engine.place(inputs);
  await using programs = new ProgramCache(engine);
  const settings = { centred: false, zero: 1 } as const;
  const shape: LinearShape = [SIZE, SIZE];
  const fine = float32Tensor(delta, shape);
  const base = float32Tensor(new Float32Array(delta.length), shape);
  const layer = { name: "layer", shape, base, fine };
  const scaleOf = async () => {
    const found = await projectionProducts(programs, placed, layer, settings);
    return Math.abs(sum(found.cross) / sum(found.square));
  };
  const memory = await memoryAbove(scaleOf);
  const seconds = await fastest(10, scaleOf);
  const scale = await scaleOf();

  const peer = new Covariances(engine);
  const peerMemory = await memoryAbove(() => peer.scale(inputs, delta));
  let peerScale = NaN;
  const peerSeconds = await fastest(2, async () => peerScale = await peer.scale(inputs, delta));
  await peer.release();
  requireSame("scale", scale, peerScale, 1e-4);

  const what = `activation-aware scale, ${SIZE} × ${SIZE} from ${ROWS} rows, ${THREADS} cores`;
  const shared = { peerIs: "the study's covariance and products", better: "lower" } as const;
  return [
    { what, unit: "s", ours: seconds, peer: peerSeconds, bound: 0.5, ...shared },
    {
      what: "its memory above the inputs",
      unit: "MB",
      ours: memory,
      peer: peerMemory,
      bound: 200,
      ...shared,
    },
  ];
}

/** |tr(ΔCSᵀ) / tr(SCSᵀ)| with C = XᵀX; a factor on C cancels. */
class Covariances {
  readonly #program: Promise<Program>;

  constructor(engine: Engine) {
    const x = input("inputs", [ROWS, SIZE]);
    const delta = input("delta", [SIZE, SIZE]);
    const signs = sign(delta, 1);
    const covariance = matmul(x, x, { transposeFirst: true });
    this.#program = engine.compile({
      cross: matmul(matmul(delta, covariance), signs, { transposeSecond: true }),
      square: matmul(matmul(signs, covariance), signs, { transposeSecond: true }),
    });
  }

  async scale(inputs: Float32Array, delta: Float32Array): Promise<number> {
    const { cross, square } = await (await this.#program).run({ inputs, delta });
    return Math.abs(trace(cross as Float32Array) / trace(square as Float32Array));
  }

  async release(): Promise<void> {
    await (await this.#program).release();
  }
}

function trace(matrix: Float32Array): number {
  let total = 0;
  for (let at = 0; at < matrix.length; at += SIZE + 1) total += matrix[at];
  return total;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
