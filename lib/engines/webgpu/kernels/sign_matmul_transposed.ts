/**
 * Kernels of X · Sᵀ straight from packed signs, the backward of V = X · S: x is `[rows, inner]`, S is
 * `[columns, inner]` of ±1, packed along the columns of the result as a mask `[⌈columns/32⌉, inner]`.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import {
  BLOCK,
  eachOutput,
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
import { copiedFirst, signBit, type SignedFactors, WORD } from "./sign_matmul.ts";
import {
  blockThreads,
  blockVector,
  copyBlock,
  declareBlock,
  placeBlock,
  readFactor,
  writeBlock,
} from "./workgroup_blocks.ts";

/** What the product reads, and the columns of its result. */
export interface TransposedFactors extends SignedFactors {
  readonly columns: number;
}

function sizesOf({ first, columns }: TransposedFactors) {
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
    name: `signMatmulTransposed, ${tileName(tile)}`,
    reads: { first, mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes,
    workgroup: [REGISTER_LANES],
    groups: [
      Math.ceil(sizes.rows / (rows * REGISTER_LANES)),
      Math.ceil(sizes.columns / columns),
    ],
    body: `
let firstRow = group.x * ${rows * REGISTER_LANES}u + lane;
let firstColumn = group.y * ${columns}u;
${repeat(rows, (i) => `let a${i}_at = min(${rowOf(i)}, sizes.rows - 1u) * sizes.inner;`)}
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
for (var k = 0u; k < sizes.inner; k++) {
  let b = ~u32(mask[group.y * sizes.inner + k]);
  ${repeat(rows, (i) => `let a${i} = bitcast<u32>(first_at(a${i}_at + k));`, "\n  ")}
  ${
      repeat(columns, (j) =>
        `{ let s = ${signBit("b", j)}; ` +
        repeat(rows, (i) => `c${i}_${j} += bitcast<f32>(a${i} ^ s);`, " ") + " }", "\n  ")
    }
}
${writeRegisters(tile, "y", (i, j) => `c${i}_${j}`, place)}`,
  };
}

/** The product by workgroup tiles; the signs are copied too. */
export function workgroupSignMatmulTransposed(
  factors: TransposedFactors,
  tile: WorkgroupTile,
): Kernel {
  const { mask } = factors;
  const sizes = sizesOf(factors);
  const first = copiedFirst(factors, sizes, tile);
  const { depth } = tile;
  const words = tile.columns / WORD;
  return {
    name: `signMatmulTransposed, ${tileName(tile)}`,
    reads: { first: readFactor(first), mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes,
    workgroup: [blockThreads(tile)],
    groups: tileGroups(tile, sizes.rows, sizes.columns),
    module: `
${declareBlock(first, depth)}
var<workgroup> mask_block: array<u32, ${words * depth}>;`,
    body: `
${placeBlock(tile)}
${repeat(BLOCK, (i) => `var c${i} = vec4f();`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${depth}u) {
${copyBlock(first, tile)}
for (var i = lane; i < ${words * depth}u; i += ${blockThreads(tile)}u) {
  let word = columns_at / ${WORD}u + i / ${depth}u;
  let inner = k0 + i % ${depth}u;
  if (word * ${WORD}u < sizes.columns && inner < sizes.inner) {
    mask_block[i] = ~u32(mask[word * sizes.inner + inner]);
  }
}
workgroupBarrier();
for (var d = 0u; d < ${depth}u; d++) {
  let a = bitcast<vec4u>(${blockVector(first)});
  let b = mask_block[block_column / ${WORD}u * ${depth}u + d] >> (block_column % ${WORD}u);
  let s = (vec4u(b) >> vec4u(0u, 1u, 2u, 3u)) << vec4u(31u);
  ${repeat(BLOCK, (i) => `c${i} += bitcast<vec4f>(vec4u(a[${i}]) ^ s);`, "\n  ")}
}
workgroupBarrier();
}
${writeBlock("y", (i) => `c${i}`)}`,
  };
}

const TILES: readonly ProductTile[] = [
  { rows: 2, columns: WORD },
  { rows: 64, columns: 64, depth: 32 },
  { rows: 32, columns: 32, depth: 32 },
];

/** The product, by the candidate that `builder` chooses. */
export function signMatmulTransposedProduct(
  builder: KernelBuilder,
  factors: TransposedFactors,
): Operand[] {
  const kernel = `signMatmulTransposed ${factors.first.storage}`;
  const candidates = tileCandidates(TILES, {
    registers: (tile) => registerSignMatmulTransposed(factors, tile),
    workgroup: (tile) => workgroupSignMatmulTransposed(factors, tile),
  });
  return chosenProduct(builder, { kernel, ...sizesOf(factors) }, candidates);
}
