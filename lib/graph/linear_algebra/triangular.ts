/** Products and systems with a triangular factor in parts; its blocks' inverses stand in for divisions by them. */

import type { FactorHalves, FactorPart } from "./factor.ts";
import type { Matrices, Matrix } from "./matrices.ts";

/** X of X · Lᵀ = B, where B is `[rows, n]`. */
export async function dividedByTransposed(
  matrices: Matrices,
  b: Matrix,
  factor: FactorPart,
): Promise<Matrix> {
  if (!("below" in factor)) {
    return await matrices.product(b, factor.inverse, { transposeSecond: true });
  }
  const { first, below, second } = factor;
  using left = await onColumns(
    matrices,
    b,
    factor,
    "first",
    async (columns) => await dividedByTransposed(matrices, columns, first),
  );
  using right = await onColumns(matrices, b, factor, "second", async (columns) => {
    using rest = await matrices.subtracted(columns, left, below, { transposeSecond: true });
    return await dividedByTransposed(matrices, rest, second);
  });
  return await matrices.beside(left, right);
}

/** X of X · L = B, where B is `[rows, n]`. */
export async function divided(
  matrices: Matrices,
  b: Matrix,
  factor: FactorPart,
): Promise<Matrix> {
  if (!("below" in factor)) return await matrices.product(b, factor.inverse);
  const { first, below, second } = factor;
  using right = await onColumns(
    matrices,
    b,
    factor,
    "second",
    async (columns) => await divided(matrices, columns, second),
  );
  using left = await onColumns(matrices, b, factor, "first", async (columns) => {
    using rest = await matrices.subtracted(columns, right, below);
    return await divided(matrices, rest, first);
  });
  return await matrices.beside(left, right);
}

/** B · L, where B is `[rows, n]`. */
export async function multiplied(
  matrices: Matrices,
  b: Matrix,
  factor: FactorPart,
): Promise<Matrix> {
  if (!("below" in factor)) return await matrices.product(b, factor.lower);
  const { first, below, second } = factor;
  using left = await onColumns(
    matrices,
    b,
    factor,
    "first",
    async (columns) => await multiplied(matrices, columns, first),
  );
  const [further, right] = await onColumns(
    matrices,
    b,
    factor,
    "second",
    async (
      columns,
    ) => [await matrices.product(columns, below), await multiplied(matrices, columns, second)],
  );
  using _further = further;
  using _right = right;
  using sum = await matrices.sum(left, further);
  return await matrices.beside(sum, right);
}

/** What is made of the columns that belong to one half of a factor. */
async function onColumns<Result>(
  matrices: Matrices,
  b: Matrix,
  { first, size }: FactorHalves,
  half: "first" | "second",
  make: (columns: Matrix) => Promise<Result>,
): Promise<Result> {
  const columns = half === "first" ? [0, first.size] as const : [first.size, size] as const;
  using cut = await matrices.part(b, { columns });
  return await make(cut);
}
