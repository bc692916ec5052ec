/** Leading singular values and vectors of a large matrix, by products on the engine and little else. */

import type { LinearShape } from "../../checkpoint/weights.ts";
import { input } from "../graph.ts";
import { matmul } from "../ops/matrix.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import { leadingPart, type Products } from "./range_finder.ts";
import { requireCount } from "./requirements.ts";
import type { Rows } from "./small_matrix.ts";

/** Directions beside those of interest, so that these are found well. */
const SPARE = 8;

/** How leading parts are looked for. */
export interface LeadingOptions {
  /** Turns of subspace iteration; default: 3. A spectrum that falls slowly needs more. */
  turns?: number;
  /** Of the directions that are looked in first; default: 1. */
  seed?: number;
  /** Stops the work before its next product. */
  signal?: AbortSignal;
}

/** A ≈ Σ σᵢ uᵢ vᵢᵀ, the sum of as many as were asked for or as there are. */
export interface TruncatedSvd {
  /** σ, in falling order. */
  readonly values: readonly number[];
  /** uᵢ as rows, `[σs, m]`; the caller's to release. */
  readonly left: Placed;
  /** vᵢ as rows, `[σs, n]`; the caller's to release. */
  readonly right: Placed;
}

/**
 * The leading singular values and vectors of A, `[m, n]`, by subspace iteration from random directions (Halko,
 * Martinsson & Tropp 2011). Products are the engine's, in 32-bit floats; rows are made orthogonal in double precision.
 *
 * Values are good to some 1e-6 σ₁ where the spectrum falls, ‖A − U Σ Vᵀ‖ to a hundredth or two where it does
 * not, as of random numbers. About 2 (2 turns + 2) rank · m · n multiplications and additions on the engine, and (2 turns + 2) rank² ·
 * (m + n) beside it.
 *
 * @param a A, `[m, n]`
 * @param rank how many; fewer are found where A has no more.
 * @throws {OptionError} if A is not of that shape, or the rank is not from 1 to its smaller side.
 *
 * @example
 * ```ts
 * import { onnxEngine, ProgramCache, truncatedSvd } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const engine = onnxEngine({ threads: 1 });
 * await using programs = new ProgramCache(engine);
 * const a = await engine.place(Float32Array.of(3, 0, 0, 0, -4, 0));
 * const { values, left, right } = await truncatedSvd(programs, a, [2, 3], 1);
 * assert.ok(Math.abs(values[0] - 4) < 1e-6);
 * assert.deepEqual([left.length, right.length], [2, 3]);
 * ```
 */
export async function truncatedSvd(
  programs: ProgramCache,
  a: Placed,
  shape: LinearShape,
  rank: number,
  { turns = 3, seed = 1, signal }: LeadingOptions = {},
): Promise<TruncatedSvd> {
  requireCount(a, shape, rank);
  const directions = Math.min(rank + SPARE, ...shape);
  const products = productsWith(programs, a, shape, signal);
  const found = await leadingPart(products, shape[1], directions, seed, turns);
  const values = found.values.slice(0, rank).filter((value) => value > 0);
  const { a: right, b: left } = found.factors(values.length);
  const ofUnit = (rows: Rows) =>
    rows.map((row, index) => row.map((each) => each / Math.sqrt(values[index])));
  const { engine } = programs;
  return {
    values,
    left: await engine.place(rowMajor(ofUnit(left))),
    right: await engine.place(rowMajor(ofUnit(right))),
  };
}

/** Products of few rows with A and its transpose. */
export function productsWith(
  programs: ProgramCache,
  a: Placed,
  shape: LinearShape,
  signal?: AbortSignal,
): Products {
  const run = async (x: Rows, transposeSecond: boolean) => {
    signal?.throwIfAborted();
    const width = shape[transposeSecond ? 1 : 0];
    const name = `few rows ${x.length} by [${shape}] ${transposeSecond}`;
    const program = await programs.get(name, () => {
      const product = matmul(input("x", [x.length, width]), input("a", shape), { transposeSecond });
      return { product };
    });
    const { product } = await program.run({ x: rowMajor(x), a });
    return rowsOf(product, product.length / x.length);
  };
  return { forward: (x) => run(x, true), backward: (x) => run(x, false) };
}

/** Rows of so many numbers. */
export function rowsOf(numbers: ArrayLike<number>, width: number): Float64Array[] {
  const all = Float64Array.from(numbers);
  return Array.from(
    { length: all.length / width },
    (_, row) => all.subarray(row * width, (row + 1) * width),
  );
}

/** All rows as 32-bit floats. */
export function rowMajor(rows: Rows): Float32Array {
  const length = rows[0]?.length ?? 0;
  const all = new Float32Array(rows.length * length);
  rows.forEach((row, index) => all.set(row, index * length));
  return all;
}
