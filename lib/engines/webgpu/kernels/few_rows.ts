/**
 * Products of one to eight rows: they take as long as reading their weight does, where products of more rows
 * take as long as their multiply-adds. Both kinds have kernels and an order of summation of their own, dense
 * ones in `few_rows_dense.ts`, those with packed signs in `few_rows_signs.ts` and `sign_lookups.ts`.
 */

import type { KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import { EIGHT, type FewRowsFactors, laneCandidates } from "./few_rows_dense.ts";
import { fewRowsSignCandidate, FOUR } from "./few_rows_signs.ts";
import { lookupCandidates } from "./sign_lookups.ts";
import { type SignedFactors, signedSizes } from "./sign_matmul.ts";

/** Rows beyond which a product is cut into tiles. */
const MOST_ROWS = 8;

/** x · Wᵀ or x · (W + α ⊙ S)ᵀ by the candidate that `builder` chooses; `null` if x has more than eight rows. */
export function fewRowsProduct(builder: KernelBuilder, factors: FewRowsFactors): Operand[] | null {
  const { first, second, signs } = factors;
  const [rows, inner] = first.shape;
  if (rows > MOST_ROWS) return null;
  const form = `${first.storage} ${second.storage}${inner % EIGHT === 0 ? " by eight" : ""}`;
  const kernel = `${signs ? "deltaLinear" : "matmul"} of few rows, ${form}`;
  const problem = { kernel, rows, columns: second.shape[0], inner };
  return chosenProduct(builder, problem, laneCandidates(factors));
}

/** X · S by the candidate that `builder` chooses; `null` if X has more than eight rows. */
export function fewRowsSignProduct(
  builder: KernelBuilder,
  factors: SignedFactors,
): Operand[] | null {
  const sizes = signedSizes(factors);
  if (sizes.rows > MOST_ROWS) return null;
  const form = `${factors.first.storage}${sizes.inner % FOUR === 0 ? " by four" : ""}`;
  const kernel = `signMatmul of few rows, ${form}`;
  return chosenProduct(builder, { kernel, ...sizes }, [
    ...lookupCandidates(factors),
    fewRowsSignCandidate(factors),
  ]);
}
