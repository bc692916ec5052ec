/**
 * Inner products of what a delta and its signs make of the same inputs, row by row of the weight
 * matrix, without any covariance: O(tokens · in · out) time, O(block · in) memory beside the inputs.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { Engine, Placed, Program } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import { broadcastTo, multiply, scaleBy, subtract, sumTo } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { sign } from "../graph/ops/signs.ts";
import { releaseAll } from "../graph/program_cache.ts";

/** ⟨Uᵢ, Vᵢ⟩ and ⟨Vᵢ, Vᵢ⟩ for each output i, with U = XΔᵀ and V = X·sign(Δ)ᵀ. */
export interface ProjectionProducts {
  /** `[out]` */
  readonly cross: Float64Array;
  /** `[out]` */
  readonly square: Float64Array;
}

/** Products that were started; they still lie where the engine computes. */
export interface PendingProducts {
  readonly outputSize: number;
  /** First row of each block. */
  readonly begins: readonly number[];
  /** `cross` and `square` of each block, end to end. */
  readonly placed: readonly Placed[];
}

/** How inputs and signs are taken. */
export interface ProjectionSettings {
  /** Whether the mean input is subtracted, as `torch.cov` does. */
  readonly centred: boolean;
  /** The sign of a zero. */
  readonly zero: 0 | 1;
}

/** Rows of Δ that are multiplied at once: Δ's signs are formed for these only. */
const MOST_ROWS = 1024;

/** Computes {@linkcode ProjectionProducts}; compiled graphs are kept for layers of one shape. */
export class ProjectionMeter {
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(readonly engine: Engine, readonly settings: ProjectionSettings) {}

  /**
   * Starts the products of one layer. {@linkcode ProjectionMeter.read} reads those of many at once: a
   * transfer from a GPU costs more than the products of a small layer.
   *
   * @param inputs X, `[rows, in]`
   * @param delta Δ, `[out, in]`
   */
  async start(
    inputs: Placed,
    delta: Float32Array,
    [outputSize, inputSize]: LinearShape,
  ): Promise<PendingProducts> {
    const blocks = Math.ceil(outputSize / MOST_ROWS);
    const blockRows = Math.ceil(outputSize / blocks);
    const program = await this.#program(inputs.length / inputSize, blockRows, inputSize);
    const begins: number[] = [];
    const placed: Placed[] = [];
    for (let first = 0; first < outputSize; first += blockRows) {
      // The last block reaches back into the one before it rather than beyond the matrix.
      const begin = Math.min(first, outputSize - blockRows);
      const block = delta.subarray(begin * inputSize, (begin + blockRows) * inputSize);
      const { cross, square } = await program.keep({ inputs, delta: block });
      begins.push(begin);
      placed.push(cross, square);
    }
    return { outputSize, begins, placed };
  }

  /** The products of several layers in one transfer, in their order. */
  async read(pending: readonly PendingProducts[]): Promise<ProjectionProducts[]> {
    const placed = pending.flatMap((each) => each.placed);
    const numbers = await this.engine.read(placed);
    placed.forEach((each) => each.release());
    let next = 0;
    return pending.map(({ outputSize, begins }) => {
      const cross = new Float64Array(outputSize);
      const square = new Float64Array(outputSize);
      for (const begin of begins) {
        cross.set(numbers[next++], begin);
        square.set(numbers[next++], begin);
      }
      return { cross, square };
    });
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    await releaseAll(this.#programs.values());
  }

  #program(rows: number, outputSize: number, inputSize: number): Promise<Program> {
    const key = `${rows} ${outputSize} ${inputSize}`;
    const known = this.#programs.get(key) ?? this.#compile(rows, outputSize, inputSize);
    this.#programs.set(key, known);
    return known;
  }

  #compile(rows: number, outputSize: number, inputSize: number): Promise<Program> {
    const inputs = input("inputs", [rows, inputSize]);
    // Subtracting the mean again takes away what rounding left of it.
    const x = this.settings.centred ? centred(centred(inputs)) : inputs;
    const delta = input("delta", [outputSize, inputSize]);
    const projected = matmul(x, delta, { transposeSecond: true });
    const signed = matmul(x, sign(delta, this.settings.zero), { transposeSecond: true });
    return this.engine.compile({
      cross: sumTo(multiply(projected, signed), [outputSize]),
      square: sumTo(multiply(signed, signed), [outputSize]),
    });
  }
}

/** x − the mean of its rows. */
function centred(x: Value): Value {
  const [rows, width] = x.shape;
  const mean = scaleBy(sumTo(x, [width]), 1 / rows);
  return subtract(x, broadcastTo(mean, x.shape));
}
