/**
 * V = X · S straight from packed signs: S `[inner, columns]` of ±1 is a mask `[⌈inner/32⌉, columns]`, bit k
 * of word (w, o) set where S[32w + k, o] is +1. In a register tile a term is x with its sign bit flipped
 * or not; a workgroup tile unpacks signs once a block and then is that of a dense product.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { denseSource, signSource, WORD } from "./block_sources.ts";
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
import type { RowGroups } from "./row_groups.ts";
import { workgroupCandidates } from "./workgroup_candidates.ts";
import type { BlockProduct } from "./workgroup_tiles.ts";

/** What a product with signs reads. */
export interface SignedFactors {
  /** `[rows, inner]`. */
  readonly first: Operand;
  /** i32 `[⌈inner/32⌉, columns]`. */
  readonly mask: Operand;
  /** i32 masks `[groups, ⌈inner/32⌉, columns]` of which each row takes its own. */
  readonly grouped?: RowGroups;
}

/** The sizes of a product with signs. */
export function signedSizes({ first, mask }: SignedFactors): ProductSizes {
  const [rows, inner] = first.shape;
  return { rows, inner, columns: mask.shape.at(-1)! };
}

/** The product by register tiles; x is read four numbers at once where its rows allow it. */
export function registerSignMatmul(factors: SignedFactors, tile: RegisterTile): Kernel {
  const { first, mask } = factors;
  const sizes = signedSizes(factors);
  const { rows, columns } = tile;
  const isVector = readsVectors(sizes);
  return {
    name: `signMatmul, ${registerTileName(tile)}`,
    reads: { first: isVector ? { operand: first, vector: BLOCK } : first, mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes },
    workgroup: [REGISTER_LANES],
    groups: registerGroups(tile, sizes),
    body: `
${placeRegisters(tile)}
${
      eachStretch(`
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
for (var k0 = start; k0 < end; k0 += ${WORD}u) {
  ${
        repeat(
          columns,
          (j) => `var b${j} = ~u32(mask[k0 / ${WORD}u * sizes.columns + column${j}]);`,
          "\n  ",
        )
      }
  let last = min(k0 + ${WORD}u, end);
  for (var k = k0; k < last; k += ${BLOCK}u) {
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
${keepRegisters(tile, "y", (i, j) => `c${i}_${j}`)}`)
    }`,
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
    (u) => u === 0 ? `first_at(${at})` : `select(0.0, first_at(${at} + ${u}u), k + ${u}u < last)`,
    ", ",
  );
  return `vec4f(${terms})`;
}

/** The product by blocks. */
export function blockSignMatmul(factors: SignedFactors): BlockProduct {
  const { first, mask } = factors;
  const sizes = signedSizes(factors);
  return {
    name: "signMatmul",
    sizes,
    first: denseSource({ name: "first", operand: first, count: "rows", alongInner: true }, sizes),
    second: signSource(mask, sizes),
    sums: ["y"],
  };
}

/** Columns of two wide register tiles. */
const MANY_COLUMNS = 2 * 32 * REGISTER_LANES;

/** Register tiles of a product with signs; the first is the one where nothing is known. */
function registerTiles({ rows, columns }: ProductSizes): readonly RegisterTile[] {
  if (rows < 4) return [{ rows, columns: 16 }];
  // A wide tile reads x half as often, and has lanes without work where columns are few.
  const tiles: RegisterTile[] = [{ rows: 4, columns: 32 }, { rows: 4, columns: 16 }];
  return columns < MANY_COLUMNS ? tiles.toReversed() : tiles;
}

/** The product with signs, by the candidate that `builder` chooses. */
export function signMatmulProduct(builder: KernelBuilder, factors: SignedFactors): Operand[] {
  const sizes = signedSizes(factors);
  const kernel = `signMatmul ${factors.first.storage}${readsVectors(sizes) ? " by four" : ""}`;
  return chosenProduct(builder, { kernel, ...sizes }, [
    ...registerCandidates(registerTiles(sizes), (tile) => registerSignMatmul(factors, tile)),
    ...workgroupCandidates(blockSignMatmul(factors)),
  ]);
}

/** WGSL: bit `u` of inverted signs, as the sign bit to flip. */
export function signBit(word: string, u: number): string {
  return u === 0 ? `${word} << 31u` : `(${word} >> ${u}u) << 31u`;
}
