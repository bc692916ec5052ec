/**
 * X · Sᵀ straight from packed signs, the backward of V = X · S: x is `[rows, inner]`, S is `[columns, inner]`
 * of ±1, packed along the columns of the result as a mask `[⌈columns/32⌉, inner]`.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { denseSource, signTransposedSource, WORD } from "./block_sources.ts";
import { chosenProduct } from "./candidates.ts";
import { type ProductSizes, repeat } from "./product_tiles.ts";
import {
  eachOutput,
  eachStretch,
  keepRegisters,
  REGISTER_LANES,
  registerCandidates,
  type RegisterTile,
  registerTileName,
} from "./register_tiles.ts";
import { signBit, type SignedFactors } from "./sign_matmul.ts";
import { workgroupCandidates } from "./workgroup_candidates.ts";
import type { BlockProduct } from "./workgroup_tiles.ts";

/** What the product reads, and the columns of its result. */
export interface TransposedFactors extends SignedFactors {
  readonly columns: number;
}

function sizesOf({ first, columns }: TransposedFactors): ProductSizes {
  const [rows, inner] = first.shape;
  return { rows, inner, columns };
}

/** The product by register tiles: an invocation takes the columns of one word, neighbours other rows. */
export function registerSignMatmulTransposed(
  factors: TransposedFactors,
  tile: RegisterTile,
): Kernel {
  const { first, mask } = factors;
  const sizes = sizesOf(factors);
  const { rows, columns } = tile;
  const rowOf = (i: number) => `firstRow + ${i * REGISTER_LANES}u`;
  const place = {
    row: `firstRow + i / ${columns}u * ${REGISTER_LANES}u`,
    column: `firstColumn + i % ${columns}u`,
  };
  return {
    name: `signMatmulTransposed, ${registerTileName(tile)}`,
    reads: { first, mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes },
    workgroup: [REGISTER_LANES],
    groups: [
      Math.ceil(sizes.rows / (rows * REGISTER_LANES)),
      Math.ceil(sizes.columns / columns),
    ],
    body: `
let firstRow = group.x * ${rows * REGISTER_LANES}u + lane;
let firstColumn = group.y * ${columns}u;
${repeat(rows, (i) => `let a${i}_at = min(${rowOf(i)}, sizes.rows - 1u) * sizes.inner;`)}
${
      eachStretch(`
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
for (var k = start; k < end; k++) {
  let b = ~u32(mask[group.y * sizes.inner + k]);
  ${repeat(rows, (i) => `let a${i} = bitcast<u32>(first_at(a${i}_at + k));`, "\n  ")}
  ${
        repeat(columns, (j) =>
          `{ let s = ${signBit("b", j)}; ` +
          repeat(rows, (i) => `c${i}_${j} += bitcast<f32>(a${i} ^ s);`, " ") + " }", "\n  ")
      }
}
${keepRegisters(tile, "y", (i, j) => `c${i}_${j}`, place)}`)
    }`,
  };
}

/** The product by blocks. */
export function blockSignMatmulTransposed(factors: TransposedFactors): BlockProduct {
  const { first, mask } = factors;
  const sizes = sizesOf(factors);
  return {
    name: "signMatmulTransposed",
    sizes,
    first: denseSource({ name: "first", operand: first, count: "rows", alongInner: true }, sizes),
    second: signTransposedSource(mask, sizes),
    sums: ["y"],
  };
}

/** The product, by the candidate that `builder` chooses. */
export function signMatmulTransposedProduct(
  builder: KernelBuilder,
  factors: TransposedFactors,
): Operand[] {
  const kernel = `signMatmulTransposed ${factors.first.storage}`;
  return chosenProduct(builder, { kernel, ...sizesOf(factors) }, [
    ...registerCandidates(
      [{ rows: 2, columns: WORD }],
      (tile) => registerSignMatmulTransposed(factors, tile),
    ),
    ...workgroupCandidates(blockSignMatmulTransposed(factors)),
  ]);
}
