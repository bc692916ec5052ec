/**
 * The product of two matrices, either of them transposed, stored as float32 or as 16-bit floats. Shapes
 * are uniforms, and transposes of a register tile too: one text serves all.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { denseSource } from "./block_sources.ts";
import { chosenProduct } from "./candidates.ts";
import { BLOCK, type ProductSizes, repeat } from "./product_tiles.ts";
import {
  eachOutput,
  eachStretch,
  keepRegisters,
  placeRegisters,
  REGISTER_LANES,
  registerCandidates,
  registerGroups,
  type RegisterTile,
  registerTileName,
} from "./register_tiles.ts";
import { workgroupCandidates } from "./workgroup_candidates.ts";
import type { BlockProduct } from "./workgroup_tiles.ts";

/** The factors of a product `[rows, inner] · [inner, columns]` as they lie in memory. */
export interface Factors {
  readonly first: Operand;
  readonly second: Operand;
  readonly transposeFirst: boolean;
  readonly transposeSecond: boolean;
}

/** The sizes of op(first) · op(second). */
export function productSizes(
  { first, second, transposeFirst, transposeSecond }: Factors,
): ProductSizes {
  const [rows, inner] = transposeFirst ? first.shape.toReversed() : first.shape;
  return { rows, inner, columns: second.shape[transposeSecond ? 0 : 1] };
}

/** Distances in memory between neighbours along each axis of a factor. */
function strides({ transposeFirst, transposeSecond }: Factors, sizes: ProductSizes) {
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
    name: `matmul, ${registerTileName(tile)}`,
    reads: { first, second: isVector ? { operand: second, vector: BLOCK } : second },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes, ...strides(factors, sizes) },
    workgroup: [REGISTER_LANES],
    groups: registerGroups(tile, sizes),
    body: `
${placeRegisters(tile)}
${repeat(rows, (i) => `let a${i}_at = row${i} * sizes.firstRow;`)}
${eachRead((j) => `let b${j}_at = column${j} * sizes.secondColumn;`)}
${
      eachStretch(`
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
for (var k = start; k < end; k++) {
  let a_at = k * sizes.firstInner;
  let b_at = k * sizes.secondInner;
  ${eachRead((j) => `let b${j} = ${read}((b${j}_at + b_at) / ${adjacent}u);`, "\n  ")}
  ${repeat(rows, (i) => `let a${i} = first_at(a${i}_at + a_at);`, "\n  ")}
  ${
        repeat(
          rows,
          (i) => repeat(columns, (j) => `c${i}_${j} = fma(a${i}, ${b(j)}, c${i}_${j});`, " "),
          "\n  ",
        )
      }
}
${keepRegisters(tile, "y", (i, j) => `c${i}_${j}`)}`)
    }`,
  };
}

/** The product by blocks. */
export function blockMatmul(factors: Factors): BlockProduct {
  const { first, second, transposeFirst, transposeSecond } = factors;
  const sizes = productSizes(factors);
  return {
    name: "matmul",
    sizes,
    first: denseSource(
      { name: "first", operand: first, count: "rows", alongInner: !transposeFirst },
      sizes,
    ),
    second: denseSource(
      { name: "second", operand: second, count: "columns", alongInner: transposeSecond },
      sizes,
    ),
    sums: ["y"],
  };
}

/**
 * Register tiles of a product of this many rows; the first is the one where nothing is known.
 *
 * @param isVector whether four neighbouring columns of the second factor can be read at once.
 */
function registerTiles(rows: number, isVector: boolean): readonly RegisterTile[] {
  const adjacent = isVector ? BLOCK : 1;
  if (rows <= 4) return [{ rows, columns: 8, adjacent }];
  return isVector
    ? [{ rows: 12, columns: 16, adjacent }, { rows: 16, columns: 8, adjacent }]
    : [{ rows: 16, columns: 8 }, { rows: 12, columns: 12 }];
}

/** The product, by the candidate that `builder` chooses. */
export function matmulProduct(builder: KernelBuilder, factors: Factors): Operand[] {
  const { first, second, transposeFirst, transposeSecond } = factors;
  const sizes = productSizes(factors);
  const isVector = !transposeSecond && sizes.columns % BLOCK === 0;
  const form = (transposeFirst ? "T" : "N") + (transposeSecond ? "T" : "N");
  const kernel = `matmul ${form} ${first.storage} ${second.storage}${isVector ? " by four" : ""}`;
  return chosenProduct(builder, { kernel, ...sizes }, [
    ...registerCandidates(
      registerTiles(sizes.rows, isVector),
      (tile) => registerMatmul(factors, tile),
    ),
    ...workgroupCandidates(blockMatmul(factors)),
  ]);
}
