/**
 * WGSL of workgroup tiles: blocks of the factors copied to workgroup memory, and products from there. An
 * invocation computes {@linkcode BLOCK} × {@linkcode BLOCK} outputs as rows of four.
 */

import type { Operand, ReadOperand } from "../kernel.ts";
import { BLOCK, repeat, type WorkgroupTile } from "./product_tiles.ts";

/** A factor of a product as a workgroup copies it. */
export interface CopiedFactor {
  /** Name of the operand in the shader; its block is `<name>_block`, vectors `[depth, width / 4]`. */
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
  return `var<workgroup> ${name}_block: array<vec4f, ${depth * width / BLOCK}>;`;
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
  return factor.alongInner ? copyTurned(factor, tile) : copyStraight(factor, tile);
}

/** Neighbours in memory are neighbours in a vector of the block. */
function copyStraight({ name, width, count, vector }: CopiedFactor, tile: WorkgroupTile): string {
  const across = width / BLOCK;
  return `
for (var i = lane; i < ${tile.depth * across}u; i += ${blockThreads(tile)}u) {
  let outer = ${count}_at + i % ${across}u * ${BLOCK}u;
  let inner = k0 + i / ${across}u;
  let at = inner * sizes.${count} + outer;
  var value = vec4f();
  if (inner < sizes.inner) {
    ${readFour("value", name, vector, "outer", `sizes.${count}`)}
  }
  ${name}_block[i] = value;
}`.trim();
}

/** Neighbours in memory follow each other in depth: an invocation transposes blocks of 4 × 4. */
function copyTurned({ name, width, count, vector }: CopiedFactor, tile: WorkgroupTile): string {
  const across = width / BLOCK;
  const deep = tile.depth / BLOCK;
  return `
for (var i = lane; i < ${deep * across}u; i += ${blockThreads(tile)}u) {
  let inner = k0 + i % ${deep}u * ${BLOCK}u;
  var values = mat4x4f();
  for (var c = 0u; c < ${BLOCK}u; c++) {
    let outer = ${count}_at + i / ${deep}u * ${BLOCK}u + c;
    let at = outer * sizes.inner + inner;
    if (outer < sizes.${count}) {
      ${readFour("values[c]", name, vector, "inner", "sizes.inner")}
    }
  }
  values = transpose(values);
  for (var d = 0u; d < ${BLOCK}u; d++) {
    ${name}_block[i % ${deep}u * ${width}u + d * ${across}u + i / ${deep}u] = values[d];
  }
}`.trim();
}

/** WGSL that reads four numbers from `at` on, as far as `index` stays below `end`. */
function readFour(to: string, name: string, vector: boolean, index: string, end: string): string {
  return vector
    ? `if (${index} < ${end}) { ${to} = ${name}_at4(at / ${BLOCK}u); }`
    : `for (var e = 0u; e < min(${BLOCK}u, max(${end}, ${index}) - ${index}); e++) ` +
      `{ ${to}[e] = ${name}_at(at + e); }`;
}

/** WGSL: the four numbers of a factor's block at depth `d` that this invocation needs, as a vector. */
export function blockVector({ name, width, count }: CopiedFactor): string {
  const at = count === "rows" ? "block_row" : "block_column";
  return `${name}_block[d * ${width / BLOCK}u + ${at} / ${BLOCK}u]`;
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
