/**
 * How a product of matrices is cut into tiles, and the WGSL that all tilings share.
 *
 * There are two families. *Register tiles*: each invocation computes its own block of outputs straight
 * from the operands; best where threads are CPU threads. *Workgroup tiles*: a workgroup copies blocks of
 * both operands to its own memory first, then each invocation computes 4 × 4 outputs from there; what a
 * real GPU wants. All tilings of a product add the same terms in the same order, one after the other
 * along the inner axis, so that their results are equal bit for bit and the choice is free.
 */

import type { Kernel } from "../kernel.ts";
import { type Candidate, oneKernel } from "./candidates.ts";

/** Outputs of one invocation. */
export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
  /** Columns that are neighbours, for operands read four numbers at once; default: 1. */
  readonly adjacent?: 1 | typeof BLOCK;
}

/** Outputs of one workgroup, and how deep the blocks are that it copies. */
export interface WorkgroupTile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** A tile of either family. */
export type ProductTile = RegisterTile | WorkgroupTile;

/** Invocations of a workgroup of register tiles: neighbours hold neighbouring columns. */
export const REGISTER_LANES = 8;

/** Numbers read at once; outputs of one invocation of a workgroup tile along each axis. */
export const BLOCK = 4;

/** `"registers 8x4"`, `"workgroup 64x64x16"`. */
export function tileName(tile: ProductTile): string {
  const { rows, columns } = tile;
  return "depth" in tile
    ? `workgroup ${rows}x${columns}x${tile.depth}`
    : `registers ${rows}x${columns}`;
}

/** The kernels of a product by either family of tiles. */
export interface TiledKernels {
  readonly registers: (tile: RegisterTile) => Kernel;
  readonly workgroup: (tile: WorkgroupTile) => Kernel;
}

/** The candidates of a product that tiles cut. */
export function tileCandidates(
  tiles: readonly ProductTile[],
  { registers, workgroup }: TiledKernels,
): Candidate[] {
  return tiles.map((tile) =>
    oneKernel(tileName(tile), () => "depth" in tile ? workgroup(tile) : registers(tile))
  );
}

/** `count` pieces of text, one after the other. */
export function repeat(count: number, line: (index: number) => string, separator = "\n"): string {
  return Array.from({ length: count }, (_, index) => line(index)).join(separator);
}

/** The outputs of a register tile: `line(row, column)` for each. */
export function eachOutput(
  { rows, columns }: RegisterTile,
  line: (row: number, column: number) => string,
): string {
  return repeat(rows, (row) => repeat(columns, (column) => line(row, column), " "));
}

/** Workgroups of a product; row tiles come first, so that those of the same columns run together. */
export function tileGroups(tile: ProductTile, rows: number, columns: number): [number, number] {
  const width = "depth" in tile ? tile.columns : tile.columns * REGISTER_LANES;
  return [Math.ceil(rows / tile.rows), Math.ceil(columns / width)];
}

/**
 * WGSL of a register tile: `row0`, `column0` … of this invocation; of columns that are neighbours only
 * the first. Those beyond an edge are that of the last row or column, so that every read is in bounds;
 * {@linkcode writeRegisters} leaves them out.
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

/** WGSL: row and column of output `i` of an invocation whose neighbours hold neighbouring columns. */
function placeOfOutput({ columns, adjacent = 1 }: RegisterTile): { row: string; column: string } {
  const among = adjacent === 1
    ? `i % ${columns}u * ${REGISTER_LANES}u`
    : `i % ${columns}u / ${adjacent}u * ${adjacent * REGISTER_LANES}u + i % ${adjacent}u`;
  return { row: `firstRow + i / ${columns}u`, column: `firstColumn + ${among}` };
}

/**
 * WGSL that writes `value(row, column)` to `result` for all outputs of a register tile. One statement in
 * a loop: software adapters take long to compile many.
 */
export function writeRegisters(
  tile: RegisterTile,
  result: string,
  value: (row: number, column: number) => string,
  place = placeOfOutput(tile),
): string {
  const { rows, columns } = tile;
  const values = repeat(rows, (i) => repeat(columns, (j) => value(i, j), ", "), ",\n  ");
  return `
var ${result}_values = array<f32, ${rows * columns}>(
  ${values});
for (var i = 0u; i < ${rows * columns}u; i++) {
  let row = ${place.row};
  let column = ${place.column};
  if (row < sizes.rows && column < sizes.columns) {
    ${result}[row * sizes.columns + column] = ${result}_values[i];
  }
}`.trim();
}
