/**
 * Inner products of what a delta and its signs make of the same inputs, row by row of the weight
 * matrix, without any covariance: O(tokens · in · out) time, O(block · in) memory beside the inputs.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { Engine, Program } from "../graph/engine.ts";
import { input } from "../graph/graph.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { multiply } from "../graph/ops/multiply.ts";
import { sign } from "../graph/ops/sign.ts";
import { sumTo } from "../graph/ops/sum_to.ts";

/** ⟨Uᵢ, Vᵢ⟩ and ⟨Vᵢ, Vᵢ⟩ for each output i, with U = XΔᵀ and V = X·sign(Δ)ᵀ. */
export interface ProjectionProducts {
  /** `[out]` */
  readonly cross: Float64Array;
  /** `[out]` */
  readonly square: Float64Array;
}

/** Rows of Δ that are multiplied at once: Δ's signs are formed for these only. */
const MOST_ROWS = 1024;

/** Computes {@linkcode ProjectionProducts}; compiled graphs are kept for layers of one shape. */
export class ProjectionMeter {
  readonly #programs = new Map<string, Promise<Program>>();

  /** @param zero the sign of a zero. */
  constructor(readonly engine: Engine, readonly zero: 0 | 1) {}

  /**
   * @param inputs X, `[rows, in]`
   * @param delta Δ, `[out, in]`
   */
  async measure(
    inputs: Float32Array,
    delta: Float32Array,
    [outputSize, inputSize]: LinearShape,
  ): Promise<ProjectionProducts> {
    const blocks = Math.ceil(outputSize / MOST_ROWS);
    const blockRows = Math.ceil(outputSize / blocks);
    const program = await this.#program(inputs.length / inputSize, blockRows, inputSize);
    const cross = new Float64Array(outputSize);
    const square = new Float64Array(outputSize);
    for (let first = 0; first < outputSize; first += blockRows) {
      // The last block reaches back into the one before it rather than beyond the matrix.
      const begin = Math.min(first, outputSize - blockRows);
      const block = delta.subarray(begin * inputSize, (begin + blockRows) * inputSize);
      const results = await program.run({ inputs, delta: block });
      cross.set(results.cross, begin);
      square.set(results.square, begin);
    }
    return { cross, square };
  }

  /** Frees the compiled graphs. */
  async release(): Promise<void> {
    for (const program of this.#programs.values()) await (await program).release();
  }

  #program(rows: number, outputSize: number, inputSize: number): Promise<Program> {
    const key = `${rows} ${outputSize} ${inputSize}`;
    const known = this.#programs.get(key) ?? this.#compile(rows, outputSize, inputSize);
    this.#programs.set(key, known);
    return known;
  }

  #compile(rows: number, outputSize: number, inputSize: number): Promise<Program> {
    const x = input("inputs", [rows, inputSize]);
    const delta = input("delta", [outputSize, inputSize]);
    const projected = matmul(x, delta, { transposeSecond: true });
    const signed = matmul(x, sign(delta, this.zero), { transposeSecond: true });
    return this.engine.compile({
      cross: sumTo(multiply(projected, signed), [outputSize]),
      square: sumTo(multiply(signed, signed), [outputSize]),
    });
  }
}
