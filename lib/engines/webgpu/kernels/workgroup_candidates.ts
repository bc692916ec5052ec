/**
 * The tiles in workgroup memory that a product is offered, and which of them split the inner axis. How one is
 * computed is `workgroup_tiles.ts`.
 */

import type { Operand } from "../kernel.ts";
import { type Candidate, type Dispatch, roundedUp } from "./candidates.ts";
import { DEEPEST, type ProductSizes, stretchesOf } from "./product_tiles.ts";
import { type PartialSums, wholeSums } from "./stretch_sums.ts";
import {
  type BlockProduct,
  workgroupKernel,
  type WorkgroupTile,
  workgroupTileName,
} from "./workgroup_tiles.ts";

/** Workgroups that keep any device busy: with fewer, stretches are offered to workgroups of their own. */
const MANY_WORKGROUPS = 1024;
/** Workgroups below which they get them where nothing was measured. */
const FEW_WORKGROUPS = 512;
/** Numbers of a sum by stretches: what every device binds as one buffer. */
const MOST_PARTIAL_SUMS = 2 ** 25;

/**
 * Tiles of a product of one sum or two; the first is the one where nothing is known. They are the same for all
 * products that are measured as one.
 */
export function workgroupTiles(sizes: ProductSizes, sums: number): readonly WorkgroupTile[] {
  const [rows, columns, inner] = [sizes.rows, sizes.columns, sizes.inner].map(roundedUp);
  const stretches = stretchesOf({ inner });
  const maySplit = stretches > 1 && stretches * rows * columns <= MOST_PARTIAL_SUMS;
  return shapesOf(rows, sums).flatMap((tile) => {
    const workgroups = Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);
    const forms: Pick<WorkgroupTile, "split">[] = [{}];
    if (maySplit && workgroups < MANY_WORKGROUPS) {
      forms.splice(workgroups < FEW_WORKGROUPS ? 0 : 1, 0, { split: true });
    }
    return forms.flatMap((form) => [{ ...tile, ...form }, { ...tile, ...form, ahead: true }]);
  });
}

/** Two sums take twice the registers, so that an invocation has fewer outputs. */
function shapesOf(rows: number, sums: number): readonly WorkgroupTile[] {
  const depth = DEEPEST;
  if (rows <= 16) return [{ rows: 16, columns: 64, depth, each: [4, 4] }];
  if (rows <= 32) return [{ rows: 32, columns: 64, depth, each: [4, 4] }];
  const small: WorkgroupTile = { rows: 64, columns: 64, depth, each: [8, 4] };
  if (rows <= 64) return [small];
  if (sums === 2) return [small, { rows: 128, columns: 64, depth, each: [8, 4] }];
  return [
    small,
    { rows: 128, columns: 64, depth, each: [8, 8] },
    { rows: 128, columns: 128, depth, each: [8, 8] },
  ];
}

/** What dispatches the kernels that make the results of a product's sums. */
export type Finish = (dispatch: Dispatch, sums: PartialSums) => Operand[];

/** One way to compute a product by blocks. */
export function workgroupCandidate(
  product: BlockProduct,
  tile: WorkgroupTile,
  finish: Finish = wholeSums,
): Candidate {
  const { sizes, sums } = product;
  return {
    name: workgroupTileName(tile),
    write: (dispatch) => {
      const written = dispatch(workgroupKernel(product, tile));
      const named = Object.fromEntries(sums.map((name, index) => [name, written[index]]));
      return finish(dispatch, { sizes, parts: tile.split ? stretchesOf(sizes) : 1, sums: named });
    },
  };
}

/**
 * The candidates of a product.
 *
 * @param finish default: the sums are the results.
 */
export function workgroupCandidates(product: BlockProduct, finish?: Finish): Candidate[] {
  const tiles = workgroupTiles(product.sizes, product.sums.length);
  return tiles.map((tile) => workgroupCandidate(product, tile, finish));
}
