/**
 * Products of one to eight rows: they take as long as reading their weight does, where products of more rows
 * take as long as their multiply-adds. Both kinds have kernels and an order of summation of their own, dense
 * ones in `few_rows_dense.ts`, those with packed signs in `few_rows_signs.ts` and `sign_lookups.ts`.
 */

import type { KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import {
  EIGHT,
  type FewRowsFactors,
  laneCandidates,
  MOST_ROWS,
  productName,
} from "./few_rows_dense.ts";
import { fewRowsSignCandidate, FOUR } from "./few_rows_signs.ts";
import { groupedSignCandidate } from "./grouped_signs.ts";
import { byGroupPieces, type RowLayer } from "./row_groups.ts";
import { productByColumns } from "./row_pieces.ts";
import { lookupCandidates } from "./sign_lookups.ts";
import { type SignedFactors, signedSizes } from "./sign_matmul.ts";

/** x · Wᵀ or x · (W + α ⊙ S)ᵀ by the candidate that `builder` chooses; `null` if x has more than eight rows. */
export function fewRowsProduct(builder: KernelBuilder, factors: FewRowsFactors): Operand[] | null {
  if (factors.first.shape[0] > MOST_ROWS) return null;
  return laneProduct(builder, factors);
}

function laneProduct(builder: KernelBuilder, factors: FewRowsFactors): Operand[] {
  const { first, second, grouped } = factors;
  const [rows, inner] = first.shape;
  const form = `${first.storage} ${second.storage}${inner % EIGHT === 0 ? " by eight" : ""}` +
    (grouped && grouped.count > 1 ? " of groups" : "");
  const kernel = `${productName(factors)} of few rows, ${form}`;
  const problem = { kernel, rows, columns: second.shape.at(-2)!, inner };
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

/**
 * Row r times the transpose of its group's matrix, of matrices `[groups, columns, inner]`. Any number of rows, as many
 * as {@linkcode MOST_ROWS} at a time: a row has the same bits beside any others.
 */
export function groupedProduct(
  builder: KernelBuilder,
  first: Operand,
  matrices: Operand,
  groups: Operand,
): Operand {
  const ofTable = (matrices: Operand) =>
    byGroupPieces(
      builder,
      matrices,
      groups,
      (grouped) => laneProduct(builder, { first, second: grouped.table, grouped })[0],
    );
  const [count, columns, inner] = matrices.shape;
  if (count > 1) return ofTable(matrices);
  // One group is a matrix like any other, of which a piece has some of the columns.
  const matrix = builder.part(matrices, 0, [columns, inner]);
  return productByColumns(builder, matrix, (second) => [
    ofTable(builder.part(second, 0, [1, ...second.shape])),
  ]);
}

/**
 * Row r times the signs of its group, of masks `[groups, ⌈inner/32⌉, columns]`, or what a layer makes of that. Any
 * number of rows.
 */
export function groupedSignProduct(
  builder: KernelBuilder,
  first: Operand,
  masks: Operand,
  groups: Operand,
  layer?: RowLayer,
): Operand {
  return byGroupPieces(builder, masks, groups, (grouped) => {
    const factors = { first, mask: grouped.table, grouped };
    const sizes = signedSizes(factors);
    const form = `${first.storage}${sizes.inner % FOUR === 0 ? " by four" : ""}`;
    const kernel = `groupedSignMatmul, ${form}${layer ? " in a layer" : ""}`;
    return chosenProduct(builder, { kernel, ...sizes }, [
      ...lookupCandidates(factors),
      groupedSignCandidate(factors, grouped),
    ])[0];
  }, layer);
}
