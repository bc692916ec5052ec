/**
 * The matrix of a rank that comes nearest to another one on what passes through it: min ‖(M − L) F‖ with F Fᵀ = C the
 * second moments of inputs, or F = I for the truncated singular value decomposition.
 *
 * With U the leading eigenvectors of M C Mᵀ, L = U Uᵀ M: the left singular vectors of M F are all that is needed, and
 * neither C^½ nor its inverse ever is. They are found by subspace iteration (Halko, Martinsson & Tropp, "Finding structure
 * with randomness", 2011, algorithm 4.4) on M C Mᵀ, whose products are the engine's. Not here: where M comes from.
 */

import type { LinearShape } from "../../checkpoint/weights.ts";
import type { Factors } from "../../codecs/add_product.ts";
import {
  combine,
  eigen,
  orthonormal,
  type Rows,
  symmetricProducts,
} from "../../graph/linear_algebra/small_matrix.ts";
import type { Placed } from "../../graph/engine.ts";
import { input, type Value } from "../../graph/graph.ts";
import { add, mean, multiply, scaleBy } from "../../graph/ops/elementwise.ts";
import { matmul } from "../../graph/ops/matrix.ts";
import type { ProgramCache } from "../../graph/program_cache.ts";
import { SeededRandom } from "../../util/random.ts";

/** Directions beside those of interest, so that these are found well. */
const SPARE = 8;
/** Products with M C Mᵀ, each as good as two with M. */
const ROUNDS = 3;

/** What is to be approached, and how. */
export interface WeightedProblem {
  /** M `[out, in]`, where the engine has it. */
  readonly matrix: Placed;
  readonly shape: LinearShape;
  /** X `[rows, in]`, of which C = XᵀX / rows + ridge · mean diag(XᵀX / rows) · I; `null`: C = I. */
  readonly inputs: Placed | null;
  readonly ridge: number;
  readonly rank: number;
  /** Of the directions that are looked in first. */
  readonly seed: number;
}

/**
 * L of the rank, or of a lower one with zeros in the place of the rest, where M has no more.
 *
 * @param signal is looked at between rounds.
 */
export async function weightedPart(
  programs: ProgramCache,
  { matrix, shape, inputs, ridge, rank, seed }: WeightedProblem,
  signal?: AbortSignal,
): Promise<Factors> {
  const [outSize, inSize] = shape;
  const most = Math.min(rank + SPARE, outSize, inSize);
  const tokens = inputs ? inputs.length / inSize : 0;
  const run = async (rows: Rows) => {
    const name = `weighted part ${rows.length} of [${shape}] on ${tokens} with ${ridge}`;
    const program = await programs.get(name, () => graph(rows.length, shape, tokens, ridge));
    const feeds = { rows: flat(rows), matrix, ...(inputs ? { inputs } : {}) };
    const { inner, weighted, outer } = await program.run(feeds);
    return {
      inner: split(inner, inSize),
      weighted: split(weighted, inSize),
      outer: split(outer, outSize),
    };
  };
  const random = new SeededRandom(seed);
  const start = Array.from(
    { length: most },
    () => Float64Array.from({ length: outSize }, () => random.normal()),
  );
  let rows: Rows = orthonormal(start);
  for (let round = 0; round < ROUNDS && rows.length > 0; round++) {
    signal?.throwIfAborted();
    rows = orthonormal((await run(rows)).outer);
  }
  const factors = {
    left: new Float32Array(outSize * rank),
    right: new Float32Array(rank * inSize),
    rank,
  };
  if (rows.length === 0) return factors;
  const { inner, weighted } = await run(rows);
  const { vectors } = eigen(symmetricProducts(inner, weighted));
  const leading = vectors.slice(0, rank);
  combine(leading, inner).forEach((row, k) => factors.right.set(row, k * inSize));
  combine(leading, rows).forEach((row, k) => {
    row.forEach((each, o) => factors.left[o * rank + k] = each);
  });
  return factors;
}

/** Rows Y `[n, out]` to Y M, Y M C and Y M C Mᵀ. */
function graph(
  count: number,
  [outSize, inSize]: LinearShape,
  tokens: number,
  ridge: number,
): Record<string, Value> {
  const matrix = input("matrix", [outSize, inSize]);
  const inner = matmul(input("rows", [count, outSize]), matrix);
  const weighted = tokens === 0
    ? scaleBy(inner, 1)
    : weigh(inner, input("inputs", [tokens, inSize]), ridge);
  return { inner, weighted, outer: matmul(weighted, matrix, { transposeSecond: true }) };
}

function weigh(rows: Value, x: Value, ridge: number): Value {
  const [tokens] = x.shape;
  const projected = matmul(matmul(rows, x, { transposeSecond: true }), x);
  const least = scaleBy(mean(multiply(x, x)), ridge);
  return add(scaleBy(projected, 1 / tokens), multiply(rows, least));
}

function flat(rows: Rows): Float32Array {
  const all = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, index) => all.set(row, index * row.length));
  return all;
}

function split(numbers: ArrayLike<number>, width: number): Float64Array[] {
  const all = Float64Array.from(numbers);
  return Array.from(
    { length: all.length / width },
    (_, row) => all.slice(row * width, (row + 1) * width),
  );
}
