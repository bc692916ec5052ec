/**
 * U = X · Δᵀ and V = X · sign(Δ)ᵀ in one pass that reads X and Δ once: signs are formed where Δ is read, and
 * no matrix of them lies in the device's memory. Each product is summed by itself, in the order of
 * `matmul`, so that both are the same to the last bit as without fusion.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { deltaAndSigns, denseSource } from "./block_sources.ts";
import { chosenProduct } from "./candidates.ts";
import { deltaLinearTiles } from "./delta_linear.ts";
import { productSizes } from "./matmul.ts";
import { repeat } from "./product_tiles.ts";
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
import { signText } from "./signs.ts";
import { workgroupCandidates } from "./workgroup_candidates.ts";
import type { BlockProduct } from "./workgroup_tiles.ts";

/** What the products read. */
export interface ProjectionFactors {
  /** X `[rows, inner]`. */
  readonly first: Operand;
  /** Δ `[columns, inner]`. */
  readonly second: Operand;
  /** The sign of a zero. */
  readonly zero: 0 | 1;
}

function sizesOf({ first, second }: ProjectionFactors) {
  return productSizes({ first, second, transposeFirst: false, transposeSecond: true });
}

/** Both products by register tiles. */
export function registerDeltaProjections(factors: ProjectionFactors, tile: RegisterTile): Kernel {
  const { first, second, zero } = factors;
  const sizes = sizesOf(factors);
  const { rows, columns } = tile;
  const result = { shape: [sizes.rows, sizes.columns] };
  return {
    name: `deltaProjections, ${registerTileName(tile)}`,
    reads: { first, second },
    writes: { projected: result, signed: result },
    sizes: { ...sizes },
    workgroup: [REGISTER_LANES],
    groups: registerGroups(tile, sizes),
    body: `
${placeRegisters(tile)}
${
      eachStretch(`
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0; var v${i}_${j} = 0.0;`)}
for (var k = start; k < end; k++) {
  ${repeat(rows, (i) => `let a${i} = first_at(row${i} * sizes.inner + k);`, "\n  ")}
  ${
        repeat(
          columns,
          (j) =>
            `{ let b = second_at(column${j} * sizes.inner + k); let s = ${signText("b", zero)}; ` +
            repeat(
              rows,
              (i) =>
                `c${i}_${j} = fma(a${i}, b, c${i}_${j}); v${i}_${j} = fma(a${i}, s, v${i}_${j});`,
              " ",
            ) + " }",
          "\n  ",
        )
      }
}
${keepRegisters(tile, "projected", (i, j) => `c${i}_${j}`)}
${keepRegisters(tile, "signed", (i, j) => `v${i}_${j}`)}`)
    }`,
  };
}

/** Both products by blocks. */
export function blockDeltaProjections(factors: ProjectionFactors): BlockProduct {
  const { first, second, zero } = factors;
  const sizes = sizesOf(factors);
  return {
    name: "deltaProjections",
    sizes,
    first: denseSource({ name: "first", operand: first, count: "rows", alongInner: true }, sizes),
    second: deltaAndSigns(second, zero, sizes),
    sums: ["projected", "signed"],
  };
}

/** Both products, by the candidate that `builder` chooses. */
export function deltaProjectionsProduct(
  builder: KernelBuilder,
  factors: ProjectionFactors,
): Operand[] {
  const sizes = sizesOf(factors);
  const { first, second, zero } = factors;
  const kernel = `deltaProjections ${first.storage} ${second.storage}, ${zero} of zero`;
  return chosenProduct(builder, { kernel, ...sizes }, [
    ...registerCandidates(
      deltaLinearTiles(sizes.rows),
      (tile) => registerDeltaProjections(factors, tile),
    ),
    ...workgroupCandidates(blockDeltaProjections(factors)),
  ]);
}
