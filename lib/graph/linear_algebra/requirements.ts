/** What a matrix must be to have a factor. */

import { NotPositiveDefiniteError, OptionError } from "../../util/errors.ts";
import type { Placed } from "../placed.ts";
import type { ProgramCache } from "../program_cache.ts";
import type { Matrix } from "./matrices.ts";

/**
 * Refuses what is not square, and a ridge that is none.
 *
 * @throws {OptionError} as named.
 */
export function requireSquare(a: Placed, size: number, ridge: number): void {
  if (!Number.isInteger(size) || size < 1 || a.length !== size * size) {
    throw new OptionError({
      option: "size",
      problem: `a matrix of ${a.length} numbers is not square of that size`,
      value: size,
      expected: "its number of rows",
    });
  }
  if (!(ridge >= 0 && ridge < Infinity)) {
    throw new OptionError({
      option: "ridge",
      problem: "is no ridge",
      value: ridge,
      expected: "0 or a positive number",
    });
  }
}

/**
 * Refuses what has not the shape, and a number of leading values that it cannot have.
 *
 * @throws {OptionError} as named.
 */
export function requireCount(a: Placed, shape: readonly [number, number], count: number): void {
  if (a.length !== shape[0] * shape[1]) {
    throw new OptionError({
      option: "shape",
      problem: `a matrix of ${a.length} numbers is of another shape`,
      value: shape,
      expected: "its rows and columns",
    });
  }
  if (!Number.isInteger(count) || count < 1 || count > Math.min(...shape)) {
    throw new OptionError({
      option: "rank",
      problem: `is no number of leading values of [${shape}]`,
      value: count,
      expected: `a whole number from 1 to ${Math.min(...shape)}`,
    });
  }
}

/** Pivots of a block, and the row where it begins. */
export interface BlockPivots {
  readonly begin: number;
  readonly pivots: Matrix;
}

/**
 * Reads all pivots in one transfer, and refuses those that are not positive.
 *
 * @param blocks in the order in which they were found.
 * @param which of the wrong ones of a block was found first.
 * @throws {NotPositiveDefiniteError} that names the one that was found first.
 */
export async function requirePositive(
  { engine }: ProgramCache,
  blocks: readonly BlockPivots[],
  which: "first" | "last" = "first",
): Promise<void> {
  const read = await engine.read(blocks.map(({ pivots }) => pivots.placed));
  for (const [index, pivots] of read.entries()) {
    const isWrong = (pivot: number) => !(pivot > 0);
    const at = which === "first" ? pivots.findIndex(isWrong) : pivots.findLastIndex(isWrong);
    if (at < 0) continue;
    throw new NotPositiveDefiniteError({
      problem: `pivot ${blocks[index].begin + at} of a symmetric matrix is not positive`,
      value: pivots[at],
      expected: "a positive definite matrix, or a larger ridge",
    });
  }
}
