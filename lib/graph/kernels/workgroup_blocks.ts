/**
 * WGSL of workgroup tiles: blocks of the factors copied to workgroup memory, and products from there. An
 * invocation computes {@linkcode BLOCK} × {@linkcode BLOCK} outputs as rows of four.
 */

import type { Operand, ReadOperand } from "../kernel.ts";
import { BLOCK, repeat, type WorkgroupTile } from "./product_tiles.ts";

/** A factor of a product as a workgroup copies it. */
export interface CopiedFactor {
  /** Name of the operand in the shader; its block is `<name>_block`, `[depth, width]`. */
  readonly name: string;
  readonly operand: Operand;
  /** Rows or columns of the result that it spans, and which of the uniform sizes counts them. */
  readonly width: number;
  readonly count: "rows" | "columns";
  /** Whether neighbours in memory are neighbours along the inner axis. */
  readonly alongInner: boolean;
  /** Whether four neighbours are read at once: rows in memory are multiples of four. */
  readonly vector: boolean;
}

/** Invocations of a workgroup. */
export function blockThreads({ rows, columns }: WorkgroupTile): number {
  return rows * columns / BLOCK ** 2;
}

/** A factor as a kernel declares it. */
export function readFactor({ operand, vector }: CopiedFactor): Operand | ReadOperand {
  return vector ? { operand, vector: 4 } : operand;
}

/** The declaration of a factor's block. */
export function declareBlock({ name, width }: CopiedFactor, depth: number): string {
  return `var<workgroup> ${name}_block: array<f32, ${depth * width}>;`;
}

/** WGSL: where the outputs of this invocation are. */
export function placeBlock(tile: WorkgroupTile): string {
  const across = tile.columns / BLOCK;
  return `
let rows_at = group.x * ${tile.rows}u;
let columns_at = group.y * ${tile.columns}u;
let block_row = lane / ${across}u * ${BLOCK}u;
let block_column = lane % ${across}u * ${BLOCK}u;`.trim();
}

/** WGSL that fills a factor's block from inner index `k0` on; zeros stand beyond the edges. */
export function copyBlock(factor: CopiedFactor, tile: WorkgroupTile): string {
  const { name, width, count, alongInner, vector } = factor;
  const { depth } = tile;
  const step = vector ? BLOCK : 1;
  const [long, index] = alongInner ? [depth, "outer * sizes.inner + inner"] : [
    width,
    `inner * sizes.${count} + outer`,
  ];
  const along = `i % ${long / step}u${vector ? ` * ${BLOCK}u` : ""}`;
  const across = `i / ${long / step}u`;
  const [inBlock, innerInBlock] = alongInner ? [across, along] : [along, across];
  const stored = (c: number) =>
    alongInner ? `(d + ${c}u) * ${width}u + o` : `d * ${width}u + o + ${c}u`;
  return `
for (var i = lane; i < ${depth * width / step}u; i += ${blockThreads(tile)}u) {
  let o = ${inBlock};
  let d = ${innerInBlock};
  let outer = ${count}_at + o;
  let inner = k0 + d;
  var value = ${vector ? "vec4f()" : "0.0"};
  if (outer < sizes.${count} && inner < sizes.inner) {
    value = ${vector ? `${name}_at4((${index}) / ${BLOCK}u)` : `${name}_at(${index})`};
  }
  ${
    vector
      ? repeat(BLOCK, (c) => `${name}_block[${stored(c)}] = value[${c}];`, " ")
      : `${name}_block[d * ${width}u + o] = value;`
  }
}`.trim();
}

/** WGSL: the four numbers of a factor's block at depth `d` that this invocation needs, as a vector. */
export function blockVector({ name, width, count }: CopiedFactor): string {
  const at = count === "rows" ? "block_row" : "block_column";
  const parts = repeat(BLOCK, (c) => `${name}_block[d * ${width}u + ${at} + ${c}u]`, ", ");
  return `vec4f(${parts})`;
}

/** WGSL that writes rows `value(row)`, vectors of four, to `result`. */
export function writeBlock(result: string, value: (row: number) => string): string {
  return repeat(BLOCK, (i) =>
    `
if (rows_at + block_row + ${i}u < sizes.rows) {
  let written = ${value(i)};
  let at = (rows_at + block_row + ${i}u) * sizes.columns;
  for (var j = 0u; j < ${BLOCK}u; j++) {
    let column = columns_at + block_column + j;
    if (column < sizes.columns) { ${result}[at + column] = written[j]; }
  }
}`.trim());
}
