/**
 * The leading part of a matrix that is only known by its products: Halko, Martinsson & Tropp, "Finding structure
 * with randomness" (2011), algorithms 4.4 (subspace iteration) and 5.1.
 */

import { SeededRandom } from "../../util/random.ts";
import { combine, eigen, gram, orthonormal, type Rows } from "./small_matrix.ts";

/** Products of a matrix Δ, `[out, in]`, with rows. */
export interface Products {
  /** X Δᵀ of rows `[n, in]`: `[n, out]`. */
  readonly forward: (x: Rows) => Promise<Float64Array[]>;
  /** X Δ of rows `[n, out]`: `[n, in]`. */
  readonly backward: (x: Rows) => Promise<Float64Array[]>;
}

/** Δ ≈ Σ σᵢ uᵢ vᵢᵀ. */
export interface LeadingPart {
  /** σ, in falling order. */
  readonly values: readonly number[];
  /** u `[out]` and v `[in]` of the first so many values, each times √σ: rows of Bᵀ and of A. */
  readonly factors: (rank: number) => { readonly a: Rows; readonly b: Rows };
}

/**
 * The leading singular values and vectors of a matrix.
 *
 * @param directions to look in: eight more than there are values of interest find these well.
 * @param seed of the directions; what is found depends on it but in its last digits.
 * @param turns of subspace iteration: each makes a direction's share grow with the square of its value.
 */
export async function leadingPart(
  { forward, backward }: Products,
  inSize: number,
  directions: number,
  seed: number,
  turns: number = 1,
): Promise<LeadingPart> {
  const random = new SeededRandom(seed);
  const start = Array.from(
    { length: directions },
    () => Float64Array.from({ length: inSize }, () => random.normal()),
  );
  let outs = orthonormal(await forward(start));
  for (let turn = 0; turn < turns && outs.length > 0; turn++) {
    const ins = orthonormal(await backward(outs));
    outs = ins.length > 0 ? orthonormal(await forward(ins)) : [];
  }
  if (outs.length === 0) return { values: [], factors: () => ({ a: [], b: [] }) };
  const projected = await backward(outs);
  const { values: squares, vectors } = eigen(gram(projected));
  const values = squares.map((square) => Math.sqrt(Math.max(0, square)));
  return {
    values,
    factors(rank) {
      const of = (power: number) =>
        vectors.slice(0, rank).map((vector, index) =>
          vector.map((each) => each * values[index] ** power)
        );
      return { a: combine(of(-0.5), projected), b: combine(of(0.5), outs) };
    },
  };
}
