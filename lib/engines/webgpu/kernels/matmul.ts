/**
 * Kernels of the product of two matrices, either of them transposed, stored as float32 or as 16-bit
 * floats. Shapes and transposes of a register tile are uniforms: one text serves all.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import {
  BLOCK,
  eachOutput,
  placeRegisters,
  type ProductTile,
  REGISTER_LANES,
  type RegisterTile,
  repeat,
  tileCandidates,
  tileGroups,
  tileName,
  type WorkgroupTile,
  writeRegisters,
} from "./product_tiles.ts";
import {
  blockThreads,
  blockVector,
  type CopiedFactor,
  copyBlock,
  declareBlock,
  placeBlock,
  readFactor,
  writeBlock,
} from "./workgroup_blocks.ts";

/** The factors of a product `[rows, inner] · [inner, columns]` as they lie in memory. */
export interface Factors {
  readonly first: Operand;
  readonly second: Operand;
  readonly transposeFirst: boolean;
  readonly transposeSecond: boolean;
}

/** Sizes of a product. */
export interface ProductSizes {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
}

/** The sizes of op(first) · op(second). */
export function productSizes({ first, second, transposeFirst, transposeSecond }: Factors) {
  const [rows, inner] = transposeFirst ? first.shape.toReversed() : first.shape;
  return { rows, inner, columns: second.shape[transposeSecond ? 0 : 1] };
}

/** Distances in memory between neighbours along each axis of a factor. */
export function strides({ transposeFirst, transposeSecond }: Factors, sizes: ProductSizes) {
  const { rows, columns, inner } = sizes;
  return {
    firstRow: transposeFirst ? 1 : inner,
    firstInner: transposeFirst ? rows : 1,
    secondColumn: transposeSecond ? inner : 1,
    secondInner: transposeSecond ? 1 : columns,
  };
}

/** The product by register tiles. */
export function registerMatmul(factors: Factors, tile: RegisterTile): Kernel {
  const { first, second } = factors;
  const sizes = productSizes(factors);
  const { rows, columns, adjacent = 1 } = tile;
  const isVector = adjacent > 1;
  const read = isVector ? `second_at${adjacent}` : "second_at";
  const b = (j: number) => isVector ? `b${j - j % adjacent}[${j % adjacent}]` : `b${j}`;
  const eachRead = (line: (j: number) => string, separator?: string) =>
    repeat(columns / adjacent, (j) => line(j * adjacent), separator);
  return {
    name: `matmul, ${tileName(tile)}`,
    reads: { first, second: isVector ? { operand: second, vector: BLOCK } : second },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes, ...strides(factors, sizes) },
    workgroup: [REGISTER_LANES],
    groups: tileGroups(tile, sizes.rows, sizes.columns),
    body: `
${placeRegisters(tile)}
${repeat(rows, (i) => `let a${i}_at = row${i} * sizes.firstRow;`)}
${eachRead((j) => `let b${j}_at = column${j} * sizes.secondColumn;`)}
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
for (var k = 0u; k < sizes.inner; k++) {
  let a_at = k * sizes.firstInner;
  let b_at = k * sizes.secondInner;
  ${eachRead((j) => `let b${j} = ${read}((b${j}_at + b_at) / ${adjacent}u);`, "\n  ")}
  ${repeat(rows, (i) => `let a${i} = first_at(a${i}_at + a_at);`, "\n  ")}
  ${
      repeat(rows, (i) =>
        repeat(columns, (j) => `c${i}_${j} = fma(a${i}, ${b(j)}, c${i}_${j});`, " "), "\n  ")
    }
}
${writeRegisters(tile, "y", (i, j) => `c${i}_${j}`)}`,
  };
}

/** The product by workgroup tiles. */
export function workgroupMatmul(factors: Factors, tile: WorkgroupTile): Kernel {
  const sizes = productSizes(factors);
  const [first, second] = copiedFactors(factors, sizes, tile);
  return {
    name: `matmul, ${tileName(tile)}`,
    reads: { first: readFactor(first), second: readFactor(second) },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes },
    workgroup: [blockThreads(tile)],
    groups: tileGroups(tile, sizes.rows, sizes.columns),
    module: [first, second].map((each) => declareBlock(each, tile.depth)).join("\n"),
    body: `
${placeBlock(tile)}
${repeat(BLOCK, (i) => `var c${i} = vec4f();`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${tile.depth}u) {
${copyBlock(first, tile)}
${copyBlock(second, tile)}
workgroupBarrier();
for (var d = 0u; d < ${tile.depth}u; d++) {
  let a = ${blockVector(first)};
  let b = ${blockVector(second)};
  ${repeat(BLOCK, (i) => `c${i} = fma(vec4f(a[${i}]), b, c${i});`, "\n  ")}
}
workgroupBarrier();
}
${writeBlock("y", (i) => `c${i}`)}`,
  };
}

/** How a workgroup copies the factors; four numbers at once where rows in memory allow it. */
export function copiedFactors(
  { first, second, transposeFirst, transposeSecond }: Factors,
  { rows, columns, inner }: ProductSizes,
  tile: WorkgroupTile,
): [CopiedFactor, CopiedFactor] {
  const isWhole = (alongInner: boolean, count: number) =>
    (alongInner ? inner : count) % BLOCK === 0;
  return [{
    name: "first",
    operand: first,
    width: tile.rows,
    count: "rows",
    alongInner: !transposeFirst,
    vector: isWhole(!transposeFirst, rows),
  }, {
    name: "second",
    operand: second,
    width: tile.columns,
    count: "columns",
    alongInner: transposeSecond,
    vector: isWhole(transposeSecond, columns),
  }];
}

/**
 * Tiles of a product of this many rows; the first of each family is the one where nothing is known.
 *
 * @param isVector whether four neighbouring columns of the second factor can be read at once.
 */
export function matmulTiles(rows: number, isVector: boolean): readonly ProductTile[] {
  const adjacent = isVector ? BLOCK : 1;
  if (rows <= 4) return [{ rows, columns: 8, adjacent }, { rows: 4, columns: 128, depth: 16 }];
  const registers: RegisterTile[] = isVector
    ? [{ rows: 12, columns: 16, adjacent }, { rows: 16, columns: 8, adjacent }]
    : [{ rows: 16, columns: 8 }, { rows: 12, columns: 12 }];
  return [
    ...registers,
    { rows: 64, columns: 64, depth: 16 },
    { rows: 32, columns: 32, depth: 32 },
  ];
}

/** The product, by the candidate that `builder` chooses. */
export function matmulProduct(builder: KernelBuilder, factors: Factors): Operand[] {
  const { first, second, transposeFirst, transposeSecond } = factors;
  const sizes = productSizes(factors);
  const isVector = !transposeSecond && sizes.columns % BLOCK === 0;
  const form = (transposeFirst ? "T" : "N") + (transposeSecond ? "T" : "N");
  const kernel = `matmul ${form} ${first.storage} ${second.storage}${isVector ? " by four" : ""}`;
  const candidates = tileCandidates(matmulTiles(sizes.rows, isVector), {
    registers: (tile) => registerMatmul(factors, tile),
    workgroup: (tile) => workgroupMatmul(factors, tile),
  });
  return chosenProduct(builder, { kernel, ...sizes }, candidates);
}
