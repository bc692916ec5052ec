/**
 * The product V = X · S of one to eight rows with packed signs: S `[inner, columns]` of ±1 is a mask
 * `[⌈inner/32⌉, columns]`. No sign is multiplied.
 *
 * **Order of summation.** Four inputs add up as (±x₀ ± x₁) + (±x₂ ± x₃). Word w of a column belongs to chain w mod
 * {@linkcode CHAINS}, which adds the fours of its words one after the other; the chains are added in order. All
 * candidates keep to it, by register tiles here and by look-ups in `sign_lookups.ts`, so that the choice changes
 * no bit. Products of more rows have another order: a result may differ in its last digits between eight rows
 * and nine.
 */

import type { Kernel } from "../kernel.ts";
import { type Candidate, oneKernel } from "./candidates.ts";
import { repeat } from "./product_tiles.ts";
import {
  eachOutput,
  keepRegisters,
  placeRegisters,
  REGISTER_LANES,
  registerGroups,
  type RegisterTile,
  registerTileName,
} from "./register_tiles.ts";
import { type SignedFactors, signedSizes } from "./sign_matmul.ts";

/** Sums of one output that grow side by side. */
export const CHAINS = 8;
/** Inputs that are added to each other first. */
export const FOUR = 4;

/** WGSL `four_inputs(row, k)`: inputs k … k + 3 of a row; zeros beyond its end, where the mask is padded. */
export function fourInputs(vector: boolean): string {
  const one = (e: number) =>
    `select(0.0, first_at(at + min(k + ${e}u, sizes.inner - 1u)), k + ${e}u < sizes.inner)`;
  const body = vector
    ? "select(vec4f(), first_at4((at + min(k, sizes.inner - 4u)) / 4u), vec4<bool>(k < sizes.inner))"
    : `vec4f(\n    ${repeat(FOUR, one, ",\n    ")})`;
  return `
fn four_inputs(row: u32, k: u32) -> vec4f {
  let at = row * sizes.inner;
  return ${body};
}`.trim();
}

/**
 * The product by register tiles, for software: sign bits are flipped, and an invocation goes through chain after
 * chain, each added to the result in memory, so that it holds one at a time.
 */
export function fewRowsSignMatmul(factors: SignedFactors, tile: RegisterTile): Kernel {
  const { first, mask } = factors;
  const sizes = signedSizes(factors);
  const { rows, columns } = tile;
  const vector = sizes.inner % FOUR === 0;
  return {
    name: `signMatmul of few rows, ${registerTileName(tile)}`,
    reads: { first: vector ? { operand: first, vector: FOUR } : first, mask },
    writes: { y: { shape: [sizes.rows, sizes.columns] } },
    sizes: { ...sizes, words: mask.shape[0] },
    workgroup: [REGISTER_LANES],
    groups: registerGroups(tile, sizes),
    module: fourInputs(vector),
    body: `
${placeRegisters(tile)}
for (var start = 0u; start < ${CHAINS}u; start++) {
  ${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;`)}
  for (var word = start; word < sizes.words; word += ${CHAINS}u) {
    ${
      repeat(columns, (j) =>
        `var b${j} = ~u32(mask[word * sizes.columns + column${j}]);`, "\n    ")
    }
    for (var k = word * 32u; k < (word + 1u) * 32u; k += ${FOUR}u) {
      ${repeat(rows, (i) => `let a${i} = bitcast<vec4u>(four_inputs(row${i}, k));`, "\n      ")}
      ${
      repeat(columns, (j) => {
        const sum = (i: number) =>
          `{ let t = bitcast<vec4f>(a${i} ^ s); c${i}_${j} += (t.x + t.y) + (t.z + t.w); }`;
        return `{ let s = (vec4u(b${j}) >> vec4u(0u, 1u, 2u, 3u)) << vec4u(31u); ` +
          `b${j} >>= ${FOUR}u; ${repeat(rows, sum, " ")} }`;
      }, "\n      ")
    }
    }
  }
  ${keepRegisters(tile, "y", (i, j) => `c${i}_${j}`)}
}`,
  };
}

/** The candidate for the rows of x. */
export function fewRowsSignCandidate(factors: SignedFactors): Candidate {
  const tile = { rows: Math.min(factors.first.shape[0], 4), columns: 16 };
  return oneKernel(registerTileName(tile), () => fewRowsSignMatmul(factors, tile));
}
