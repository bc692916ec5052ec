/**
 * Register tiles: each invocation computes its own block of outputs straight from the operands; best where
 * threads are CPU threads. Tiles in workgroup memory are `workgroup_tiles.ts`.
 */

import type { Kernel, Operand } from "../kernel.ts";
import type { Candidate, Dispatch } from "./candidates.ts";
import { type BLOCK, type ProductSizes, repeat, STRETCH } from "./product_tiles.ts";

/** Outputs of one invocation. */
export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
  /** Columns that are neighbours, for operands read four numbers at once; default: 1. */
  readonly adjacent?: 1 | typeof BLOCK;
}

/** Invocations of a workgroup of register tiles: neighbours hold neighbouring columns. */
export const REGISTER_LANES = 8;

/** `"registers 8x4"`. */
export function registerTileName({ rows, columns }: RegisterTile): string {
  return `registers ${rows}x${columns}`;
}

/**
 * The candidates of a product that register tiles cut.
 *
 * @param finish dispatches what makes the results of what the kernel writes; default: these are they.
 */
export function registerCandidates(
  tiles: readonly RegisterTile[],
  kernel: (tile: RegisterTile) => Kernel,
  finish = (_: Dispatch, written: Operand[]) => written,
): Candidate[] {
  return tiles.map((tile) => ({
    name: registerTileName(tile),
    write: (dispatch) => finish(dispatch, dispatch(kernel(tile))),
  }));
}

/** Workgroups of a product; row tiles come first, so that those of the same columns run together. */
export function registerGroups(
  tile: RegisterTile,
  { rows, columns }: ProductSizes,
): [number, number] {
  return [Math.ceil(rows / tile.rows), Math.ceil(columns / (tile.columns * REGISTER_LANES))];
}

/** The outputs of a register tile: `line(row, column)` for each. */
export function eachOutput(
  { rows, columns }: RegisterTile,
  line: (row: number, column: number) => string,
): string {
  return repeat(rows, (row) => repeat(columns, (column) => line(row, column), " "));
}

/**
 * WGSL of a register tile: `row0`, `column0` … of this invocation; of columns that are neighbours only
 * the first. Those beyond an edge are that of the last row or column, so that every read is in bounds;
 * {@linkcode keepRegisters} leaves them out.
 */
export function placeRegisters({ rows, columns, adjacent = 1 }: RegisterTile): string {
  const across = adjacent === 1 ? "lane" : `lane * ${adjacent}u`;
  const column = (group: number) => `firstColumn + ${group * adjacent * REGISTER_LANES}u`;
  return `
let firstRow = group.x * ${rows}u;
let firstColumn = group.y * ${columns * REGISTER_LANES}u + ${across};
${repeat(rows, (i) => `let row${i} = min(firstRow + ${i}u, sizes.rows - 1u);`)}
${
    repeat(
      columns / adjacent,
      (j) => `let column${j * adjacent} = min(${column(j)}, sizes.columns - ${adjacent}u);`,
    )
  }`.trim();
}

/** WGSL that runs `body` for each stretch of the inner axis, from `start` up to `end`. */
export function eachStretch(body: string): string {
  return `
for (var start = 0u; start < sizes.inner; start += ${STRETCH}u) {
let end = min(start + ${STRETCH}u, sizes.inner);
${body.trim()}
}`.trim();
}

/** WGSL: row and column of output `i` of an invocation whose neighbours hold neighbouring columns. */
function placeOfOutput({ columns, adjacent = 1 }: RegisterTile): { row: string; column: string } {
  const among = adjacent === 1
    ? `i % ${columns}u * ${REGISTER_LANES}u`
    : `i % ${columns}u / ${adjacent}u * ${adjacent * REGISTER_LANES}u + i % ${adjacent}u`;
  return { row: `firstRow + i / ${columns}u`, column: `firstColumn + ${among}` };
}

/**
 * WGSL that ends a stretch: adds the sums `sum(row, column)` of all outputs of a register tile to
 * `result`, the first stretch's in its place. One statement in a loop: software adapters take long to
 * compile many.
 */
export function keepRegisters(
  tile: RegisterTile,
  result: string,
  sum: (row: number, column: number) => string,
  place = placeOfOutput(tile),
): string {
  const { rows, columns } = tile;
  const sums = repeat(rows, (i) => repeat(columns, (j) => sum(i, j), ", "), ",\n  ");
  return `
var ${result}_sums = array<f32, ${rows * columns}>(
  ${sums});
for (var i = 0u; i < ${rows * columns}u; i++) {
  let row = ${place.row};
  let column = ${place.column};
  if (row < sizes.rows && column < sizes.columns) {
    let at = row * sizes.columns + column;
    if (start > 0u) { ${result}_sums[i] += ${result}[at]; }
    ${result}[at] = ${result}_sums[i];
  }
}`.trim();
}
