/**
 * Kernels of V = X · S straight from packed signs: S `[inner, columns]` of ±1 is a mask
 * `[⌈inner/32⌉, columns]`, bit k of word (w, o) set where S[32w + k, o] is +1. A term is x with its sign
 * bit flipped or not; nothing is multiplied.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import type { ProductSizes } from "./matmul.ts";
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

/** What a product with signs reads. */
export interface SignedFactors {
  /** `[rows, inner]`. */
  readonly first: Operand;
  /** i32 `[⌈inner/32⌉, columns]`. */
  readonly mask: Operand;
}

/** Bits of a word. */
export const WORD = 32;

/** The sizes of a product with signs. */
export function signedSizes({ first, mask }: SignedFactors): ProductSizes {
  const [rows, inner] = first.shape;
  return { rows, inner, columns: mask.shape[1] };
}

/** The product by register tiles; x is read four numbers at once where its rows allow it. */
export function registerSignMatmul(factors: SignedFactors, tile: RegisterTile): Kernel {
  const { first, mask } = factors;
  const sizes = signedSizes(factors);
  const { rows, columns } = tile;
  const isVector = readsVectors(sizes);
  return {
    name: `signMatmul, ${tileName(tile)}`,
    reads: { first: isVector ? { operand: first, vector: BLOCK } : first, mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes },
    workgroup: [REGISTER_LANES],
    groups: tileGroups(tile, sizes.rows, sizes.columns),
    body: `
${placeRegisters(tile)}
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${WORD}u) {
  ${
      repeat(
        columns,
        (j) => `var b${j} = ~u32(mask[k0 / ${WORD}u * sizes.columns + column${j}]);`,
        "\n  ",
      )
    }
  let end = min(k0 + ${WORD}u, sizes.inner);
  for (var k = k0; k < end; k += ${BLOCK}u) {
    ${repeat(rows, (i) => `let a${i} = bitcast<vec4u>(${fourTerms(i, isVector)});`, "\n    ")}
    ${
      repeat(columns, (j) =>
        repeat(
          BLOCK,
          (u) =>
            `{ let s = ${signBit(`b${j}`, u)}; ` +
            repeat(rows, (i) => `c${i}_${j} += bitcast<f32>(a${i}[${u}] ^ s);`, " ") + " }",
          "\n    ",
        ) +
        ` b${j} >>= ${BLOCK}u;`, "\n    ")
    }
  }
}
${writeRegisters(tile, "y", (i, j) => `c${i}_${j}`)}`,
  };
}

/** Whether rows of x are whole blocks of four numbers. */
function readsVectors({ inner }: ProductSizes): boolean {
  return inner % BLOCK === 0;
}

/** WGSL: four numbers of x from `k` on; zeros beyond the inner axis, where the mask is padded. */
function fourTerms(row: number, isVector: boolean): string {
  const at = `row${row} * sizes.inner + k`;
  if (isVector) return `first_at4((${at}) / ${BLOCK}u)`;
  const terms = repeat(
    BLOCK,
    (u) => u === 0 ? `first_at(${at})` : `select(0.0, first_at(${at} + ${u}u), k + ${u}u < end)`,
    ", ",
  );
  return `vec4f(${terms})`;
}

/** The product by workgroup tiles, as deep as a word has bits. */
export function workgroupSignMatmul(factors: SignedFactors, tile: WorkgroupTile): Kernel {
  const { mask } = factors;
  const sizes = signedSizes(factors);
  const first = copiedFirst(factors, sizes, tile);
  return {
    name: `signMatmul, ${tileName(tile)}`,
    reads: { first: readFactor(first), mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes },
    workgroup: [blockThreads(tile)],
    groups: tileGroups(tile, sizes.rows, sizes.columns),
    module: declareBlock(first, tile.depth),
    body: `
${placeBlock(tile)}
${
      repeat(BLOCK, (i) =>
        `let column${i} = min(columns_at + block_column + ${i}u, sizes.columns - 1u);`)
    }
${repeat(BLOCK, (i) => `var c${i} = vec4f();`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${tile.depth}u) {
${copyBlock(first, tile)}
var b = ${blockWords()};
workgroupBarrier();
for (var d = 0u; d < ${tile.depth}u; d++) {
  let a = bitcast<vec4u>(${blockVector(first)});
  let s = b << vec4u(31u);
  b >>= vec4u(1u);
  ${repeat(BLOCK, (i) => `c${i} += bitcast<vec4f>(vec4u(a[${i}]) ^ s);`, "\n  ")}
}
workgroupBarrier();
}
${writeBlock("y", (i) => `c${i}`)}`,
  };
}

/** How a workgroup copies x. */
export function copiedFirst(
  { first }: SignedFactors,
  { inner }: ProductSizes,
  tile: WorkgroupTile,
): CopiedFactor {
  const vector = inner % BLOCK === 0;
  return {
    name: "first",
    operand: first,
    width: tile.rows,
    count: "rows",
    alongInner: true,
    vector,
  };
}

/** WGSL: the inverted signs of this invocation's columns from `k0` on, lowest bits first. */
export function blockWords(): string {
  const words = repeat(
    BLOCK,
    (i) => `u32(mask[k0 / ${WORD}u * sizes.columns + column${i}])`,
    ", ",
  );
  return `~vec4u(${words}) >> vec4u(k0 % ${WORD}u)`;
}

/** Columns of two wide register tiles. */
const MANY_COLUMNS = 2 * 32 * REGISTER_LANES;

/** Tiles of a product with signs; the first of each family is the one where nothing is known. */
export function signMatmulTiles({ rows, columns }: ProductSizes): readonly ProductTile[] {
  if (rows < 4) return [{ rows, columns: 16 }, { rows: 4, columns: 128, depth: WORD }];
  // A wide tile reads x half as often, and has lanes without work where columns are few.
  const registers: RegisterTile[] = [{ rows: 4, columns: 32 }, { rows: 4, columns: 16 }];
  return [
    ...columns < MANY_COLUMNS ? registers.toReversed() : registers,
    { rows: 64, columns: 64, depth: WORD },
    { rows: 32, columns: 32, depth: WORD },
  ];
}

/** The product with signs, by the candidate that `builder` chooses. */
export function signMatmulProduct(builder: KernelBuilder, factors: SignedFactors): Operand[] {
  const sizes = signedSizes(factors);
  const kernel = `signMatmul ${factors.first.storage}${readsVectors(sizes) ? " by four" : ""}`;
  const candidates = tileCandidates(signMatmulTiles(sizes), {
    registers: (tile) => registerSignMatmul(factors, tile),
    workgroup: (tile) => workgroupSignMatmul(factors, tile),
  });
  return chosenProduct(builder, { kernel, ...sizes }, candidates);
}

/** WGSL: bit `u` of inverted signs, as the sign bit to flip. */
export function signBit(word: string, u: number): string {
  return u === 0 ? `${word} << 31u` : `(${word} >> ${u}u) << 31u`;
}
