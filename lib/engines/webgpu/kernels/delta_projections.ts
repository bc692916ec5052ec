/**
 * Kernels of U = X · Δᵀ and V = X · sign(Δ)ᵀ in one pass that reads X and Δ once: signs are formed in
 * registers, and no matrix of them lies in memory. Each product is summed by itself, in the order of
 * `matmul`, so that both are the same to the last bit as without fusion.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import { deltaLinearTiles } from "./delta_linear.ts";
import { copiedFactors, productSizes } from "./matmul.ts";
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
import { signText } from "./signs.ts";
import {
  blockThreads,
  blockVector,
  copyBlock,
  declareBlock,
  placeBlock,
  readFactor,
  writeBlock,
} from "./workgroup_blocks.ts";

/** What the products read. */
export interface ProjectionFactors {
  /** X `[rows, inner]`. */
  readonly first: Operand;
  /** Δ `[columns, inner]`. */
  readonly second: Operand;
  /** The sign of a zero. */
  readonly zero: 0 | 1;
}

function asProduct({ first, second }: ProjectionFactors) {
  return { first, second, transposeFirst: false, transposeSecond: true };
}

/** What all tiles have in common. */
function shared(factors: ProjectionFactors, tile: ProductTile) {
  const sizes = productSizes(asProduct(factors));
  const { rows, columns } = sizes;
  const result = { shape: [rows, columns] };
  return {
    name: `deltaProjections, ${tileName(tile)}`,
    writes: { projected: result, signed: result },
    sizes: { ...sizes },
    groups: tileGroups(tile, rows, columns),
  };
}

/** Both products by register tiles. */
export function registerDeltaProjections(factors: ProjectionFactors, tile: RegisterTile): Kernel {
  const { first, second, zero } = factors;
  const { rows, columns } = tile;
  return {
    ...shared(factors, tile),
    reads: { first, second },
    workgroup: [REGISTER_LANES],
    body: `
${placeRegisters(tile)}
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0; var v${i}_${j} = 0.0;`)}
for (var k = 0u; k < sizes.inner; k++) {
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
${writeRegisters(tile, "projected", (i, j) => `c${i}_${j}`)}
${writeRegisters(tile, "signed", (i, j) => `v${i}_${j}`)}`,
  };
}

/** Both products by workgroup tiles. */
export function workgroupDeltaProjections(
  factors: ProjectionFactors,
  tile: WorkgroupTile,
): Kernel {
  const product = asProduct(factors);
  const [first, second] = copiedFactors(product, productSizes(product), tile);
  // Beyond the edge of Δ stand zeros; what their signs make is not written.
  const signs = repeat(BLOCK, (j) => signText(`b[${j}]`, factors.zero), ", ");
  return {
    ...shared(factors, tile),
    reads: { first: readFactor(first), second: readFactor(second) },
    workgroup: [blockThreads(tile)],
    module: [first, second].map((each) => declareBlock(each, tile.depth)).join("\n"),
    body: `
${placeBlock(tile)}
${repeat(BLOCK, (i) => `var c${i} = vec4f(); var v${i} = vec4f();`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${tile.depth}u) {
${copyBlock(first, tile)}
${copyBlock(second, tile)}
workgroupBarrier();
for (var d = 0u; d < ${tile.depth}u; d++) {
  let a = ${blockVector(first)};
  let b = ${blockVector(second)};
  let s = vec4f(${signs});
  ${
      repeat(
        BLOCK,
        (i) => `c${i} = fma(vec4f(a[${i}]), b, c${i}); v${i} = fma(vec4f(a[${i}]), s, v${i});`,
        "\n  ",
      )
    }
}
workgroupBarrier();
}
${writeBlock("projected", (i) => `c${i}`)}
${writeBlock("signed", (i) => `v${i}`)}`,
  };
}

/** Both products, by the candidate that `builder` chooses. */
export function deltaProjectionsProduct(
  builder: KernelBuilder,
  factors: ProjectionFactors,
): Operand[] {
  const sizes = productSizes(asProduct(factors));
  const { first, second, zero } = factors;
  const kernel = `deltaProjections ${first.storage} ${second.storage}, ${zero} of zero`;
  const candidates = tileCandidates(deltaLinearTiles(sizes.rows), {
    registers: (tile) => registerDeltaProjections(factors, tile),
    workgroup: (tile) => workgroupDeltaProjections(factors, tile),
  });
  return chosenProduct(builder, { kernel, ...sizes }, candidates);
}
