/**
 * Inner products of what a delta and its signs make of the same inputs, row by row of the weight
 * matrix, without any covariance: O(tokens · in · out) time, O(block · in) memory beside the inputs.
 */

import { rowsOf } from "../checkpoint/tensor.ts";
import { differenceType } from "../delta/difference.ts";
import type { Engine, Placed } from "../graph/engine.ts";
import { input, type Value } from "../graph/graph.ts";
import { broadcastTo, multiply, scaleBy, subtract, sumTo } from "../graph/ops/elementwise.ts";
import { difference } from "../graph/ops/difference.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { sign } from "../graph/ops/signs.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import type { LayerInput } from "./method.ts";

/** ⟨Uᵢ, Vᵢ⟩ and ⟨Vᵢ, Vᵢ⟩ for each output i, with U = XΔᵀ and V = X·sign(Δ)ᵀ. */
export interface ProjectionProducts {
  /** `[out]` */
  readonly cross: Float64Array;
  /** `[out]` */
  readonly square: Float64Array;
}

/** What of a layer the products are of. */
export type LayerMatrices = Pick<LayerInput, "name" | "shape" | "base" | "fine">;

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
 * The products of one layer, of as many rows of Δ at a time as the engine forms at once. Weights go
 * to the engine as they are stored; Δ and its signs are formed there, for these rows only.
 *
 * @param programs keeps one graph for all layers of one shape and type.
 * @param inputs X, `[rows, in]`
 * @param layer with both weights, `[out, in]`; whole ones are placed themselves, so that an engine that holds
 * them already takes them from there.
 */
export async function projectionProducts(
  programs: ProgramCache,
  inputs: Placed,
  { name: layer, shape: [outputSize, inputSize], base, fine }: LayerMatrices,
  settings: ProjectionSettings,
): Promise<ProjectionProducts> {
  const { engine } = programs;
  const { formedAtOnce } = engine.memory;
  const mostRows = Math.max(1, Math.floor(formedAtOnce / (VALUES * 4 * inputSize)));
  const blocks = Math.ceil(outputSize / mostRows);
  const blockRows = Math.ceil(outputSize / blocks);
  const rows = inputs.length / inputSize;
  const type = differenceType(base.dtype, fine.dtype);
  const { centred, zero } = settings;
  const size = `[${rows}, ${inputSize}] and [${blockRows}] ${type}`;
  const name = `products of ${size}, ${centred}, ${zero}`;
  const graph = () => {
    const [ofBase, ofFine] = ["base", "fine"].map((each) => input(each, [blockRows, inputSize]));
    const delta = difference(ofFine, ofBase, type);
    return productsGraph(input("inputs", [rows, inputSize]), delta, settings);
  };
  const program = await programs.get(name, graph);
  const begins: number[] = [];
  const placed: Placed[] = [];
  try {
    for (let first = 0; first < outputSize; first += blockRows) {
      // The last block reaches back into the one before it rather than beyond the matrix.
      const begin = Math.min(first, outputSize - blockRows);
      // Layers that are compressed at once wait for their numbers together, but are placed one by one.
      const { cross, square } = await programs.alone(async () => {
        using weights = await placeRows(engine, layer, { base, fine }, begin, begin + blockRows);
        return await program.keep({ inputs, ...weights.feeds });
      });
      begins.push(begin);
      placed.push(cross, square);
    }
    await programs.together();
    const numbers = await engine.read(placed);
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

/** Rows of both weights on an engine, until they are disposed of. */
async function placeRows(
  engine: Engine,
  layer: string,
  weights: Pick<LayerInput, "base" | "fine">,
  begin: number,
  end: number,
) {
  const feeds: Record<string, Placed> = {};
  const release = () => Object.values(feeds).forEach((each) => each.release());
  try {
    for (const [name, matrix] of Object.entries(weights)) {
      feeds[name] = await engine.place(rowsOf(matrix, begin, end), `${layer}.weight`);
    }
  } catch (error) {
    release();
    throw error;
  }
  return { feeds, [Symbol.dispose]: release };
}

/** @param delta Δ, `[out, in]`, of as many rows as there are products. */
function productsGraph(
  inputs: Value,
  delta: Value,
  settings: ProjectionSettings,
): Record<string, Value> {
  const [outputSize] = delta.shape;
  // Subtracting the mean again takes away what rounding left of it.
  const x = settings.centred ? centred(centred(inputs)) : inputs;
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
