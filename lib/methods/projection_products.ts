/**
 * Inner products of what a delta and its signs make of the same inputs, row by row of the weight
 * matrix, without any covariance: O(tokens · in · out) time, O(block · in) memory beside the inputs.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { Placed } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import { broadcastTo, multiply, scaleBy, subtract, sumTo } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { sign } from "../graph/ops/signs.ts";
import type { ProgramCache } from "../graph/program_cache.ts";

/** ⟨Uᵢ, Vᵢ⟩ and ⟨Vᵢ, Vᵢ⟩ for each output i, with U = XΔᵀ and V = X·sign(Δ)ᵀ. */
export interface ProjectionProducts {
  /** `[out]` */
  readonly cross: Float64Array;
  /** `[out]` */
  readonly square: Float64Array;
}

/** How inputs and signs are taken. */
export interface ProjectionSettings {
  /** Whether the mean input is subtracted, as `torch.cov` does. */
  readonly centred: boolean;
  /** The sign of a zero. */
  readonly zero: 0 | 1;
}

/** Values of the size of a block of Δ that a run holds at most: itself, its signs, and what they are formed of. */
const VALUES = 4;

/**
 * The products of one layer, of as many rows of Δ at a time as the engine's memory holds at once: Δ's signs
 * are formed for these only.
 *
 * @param programs keeps one graph for all layers of one shape.
 * @param inputs X, `[rows, in]`
 * @param delta Δ, `[out, in]`
 */
export async function projectionProducts(
  programs: ProgramCache,
  inputs: Placed,
  delta: Float32Array,
  [outputSize, inputSize]: LinearShape,
  settings: ProjectionSettings,
): Promise<ProjectionProducts> {
  const { atOnce } = programs.engine.memory;
  const mostRows = Math.max(1, Math.floor(atOnce / (VALUES * 4 * inputSize)));
  const blocks = Math.ceil(outputSize / mostRows);
  const blockRows = Math.ceil(outputSize / blocks);
  const rows = inputs.length / inputSize;
  const { centred, zero } = settings;
  const name = `products of [${rows}, ${inputSize}] and [${blockRows}], ${centred}, ${zero}`;
  const graph = () => productsGraph(rows, [blockRows, inputSize], settings);
  const program = await programs.get(name, graph);
  const begins: number[] = [];
  const placed: Placed[] = [];
  try {
    for (let first = 0; first < outputSize; first += blockRows) {
      // The last block reaches back into the one before it rather than beyond the matrix.
      const begin = Math.min(first, outputSize - blockRows);
      const block = delta.subarray(begin * inputSize, (begin + blockRows) * inputSize);
      const { cross, square } = await program.keep({ inputs, delta: block });
      begins.push(begin);
      placed.push(cross, square);
    }
    const numbers = await programs.engine.read(placed);
    const cross = new Float64Array(outputSize);
    const square = new Float64Array(outputSize);
    for (const [index, begin] of begins.entries()) {
      cross.set(numbers[2 * index], begin);
      square.set(numbers[2 * index + 1], begin);
    }
    return { cross, square };
  } finally {
    placed.forEach((each) => each.release());
  }
}

function productsGraph(
  rows: number,
  [outputSize, inputSize]: LinearShape,
  settings: ProjectionSettings,
): Record<string, Value> {
  const inputs = input("inputs", [rows, inputSize]);
  // Subtracting the mean again takes away what rounding left of it.
  const x = settings.centred ? centred(centred(inputs)) : inputs;
  const delta = input("delta", [outputSize, inputSize]);
  const projected = matmul(x, delta, { transposeSecond: true });
  const signed = matmul(x, sign(delta, settings.zero), { transposeSecond: true });
  return {
    cross: sumTo(multiply(projected, signed), [outputSize]),
    square: sumTo(multiply(signed, signed), [outputSize]),
  };
}

/** x − the mean of its rows. */
function centred(x: Value): Value {
  const [rows, width] = x.shape;
  const mean = scaleBy(sumTo(x, [width]), 1 / rows);
  return subtract(x, broadcastTo(mean, x.shape));
}
