/**
 * Kernels of a compressed linear layer y = X · Wᵀ + α ⊙ (X · Sᵀ): both products in one pass that reads x
 * once. Each is summed by itself, in the order of `matmul` and `signMatmul`, so that y is the same to the
 * last bit as without fusion.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { chosenProduct } from "./candidates.ts";
import { copiedFactors, type ProductSizes } from "./matmul.ts";
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
import { blockWords, WORD } from "./sign_matmul.ts";
import {
  blockThreads,
  blockVector,
  copyBlock,
  declareBlock,
  placeBlock,
  readFactor,
  writeBlock,
} from "./workgroup_blocks.ts";

/** What the layer reads. */
export interface DeltaLinearFactors {
  /** x `[rows, inner]`. */
  readonly first: Operand;
  /** W `[columns, inner]`. */
  readonly second: Operand;
  /** Packed signs, i32 `[⌈inner/32⌉, columns]`. */
  readonly mask: Operand;
  /** α, `[]` or `[columns]`. */
  readonly scale: Operand;
}

function sizesOf({ first, mask }: DeltaLinearFactors): ProductSizes {
  const [rows, inner] = first.shape;
  return { rows, inner, columns: mask.shape[1] };
}

/** What all tiles have in common; `keepSigned` adds X · Sᵀ as a second result. */
function shared(factors: DeltaLinearFactors, tile: ProductTile, keepSigned: boolean) {
  const sizes = sizesOf(factors);
  const { rows, columns } = sizes;
  const result = { shape: [rows, columns] };
  return {
    name: `deltaLinear, ${tileName(tile)}`,
    writes: { y: result, ...keepSigned ? { signed: result } : {} },
    sizes: { ...sizes, scaleColumn: factors.scale.shape.length },
    groups: tileGroups(tile, rows, columns),
  };
}

/** The layer by register tiles. */
export function registerDeltaLinear(
  factors: DeltaLinearFactors,
  tile: RegisterTile,
  keepSigned: boolean,
): Kernel {
  const { first, second, mask, scale } = factors;
  const { rows, columns } = tile;
  return {
    ...shared(factors, tile, keepSigned),
    reads: { first, second, mask, scale },
    workgroup: [REGISTER_LANES],
    body: `
${placeRegisters(tile)}
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0; var v${i}_${j} = 0.0;`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${WORD}u) {
  ${
      repeat(
        columns,
        (j) => `var s${j} = ~u32(mask[k0 / ${WORD}u * sizes.columns + column${j}]);`,
        "\n  ",
      )
    }
  let end = min(k0 + ${WORD}u, sizes.inner);
  for (var k = k0; k < end; k++) {
    ${repeat(rows, (i) => `let a${i} = first_at(row${i} * sizes.inner + k);`, "\n    ")}
    ${repeat(columns, (j) => `let b${j} = second_at(column${j} * sizes.inner + k);`, "\n    ")}
    ${
      repeat(columns, (j) =>
        `{ let s = s${j} << 31u; ` +
        repeat(rows, (i) =>
          `c${i}_${j} = fma(a${i}, b${j}, c${i}_${j}); ` +
          `v${i}_${j} += bitcast<f32>(bitcast<u32>(a${i}) ^ s);`, " ") +
        ` s${j} >>= 1u; }`, "\n    ")
    }
  }
}
${repeat(columns, (j) => `let scale${j} = scale_at(column${j} * sizes.scaleColumn);`)}
${writeRegisters(tile, "y", (i, j) => `c${i}_${j} + v${i}_${j} * scale${j}`)}
${keepSigned ? writeRegisters(tile, "signed", (i, j) => `v${i}_${j}`) : ""}`,
  };
}

/** The layer by workgroup tiles. */
export function workgroupDeltaLinear(
  factors: DeltaLinearFactors,
  tile: WorkgroupTile,
  keepSigned: boolean,
): Kernel {
  const { mask, scale } = factors;
  const matrices = { ...factors, transposeFirst: false, transposeSecond: true };
  const [first, second] = copiedFactors(matrices, sizesOf(factors), tile);
  const scaleAt = (i: number) => `scale_at(column${i} * sizes.scaleColumn)`;
  return {
    ...shared(factors, tile, keepSigned),
    reads: { first: readFactor(first), second: readFactor(second), mask, scale },
    workgroup: [blockThreads(tile)],
    module: [first, second].map((each) => declareBlock(each, tile.depth)).join("\n"),
    body: `
${placeBlock(tile)}
${
      repeat(
        BLOCK,
        (i) => `let column${i} = min(columns_at + block_column + ${i}u, sizes.columns - 1u);`,
      )
    }
${repeat(BLOCK, (i) => `var c${i} = vec4f(); var v${i} = vec4f();`)}
for (var k0 = 0u; k0 < sizes.inner; k0 += ${tile.depth}u) {
${copyBlock(first, tile)}
${copyBlock(second, tile)}
var signs = ${blockWords()};
workgroupBarrier();
for (var d = 0u; d < ${tile.depth}u; d++) {
  let a = ${blockVector(first)};
  let b = ${blockVector(second)};
  let s = signs << vec4u(31u);
  signs >>= vec4u(1u);
  ${
      repeat(BLOCK, (i) =>
        `c${i} = fma(vec4f(a[${i}]), b, c${i}); ` +
        `v${i} += bitcast<vec4f>(vec4u(bitcast<u32>(a[${i}])) ^ s);`, "\n  ")
    }
}
workgroupBarrier();
}
let scales = vec4f(${repeat(BLOCK, scaleAt, ", ")});
${writeBlock("y", (i) => `c${i} + v${i} * scales`)}
${keepSigned ? writeBlock("signed", (i) => `v${i}`) : ""}`,
  };
}

/** Tiles of the layer; the first of each family is the one where nothing is known. */
export function deltaLinearTiles(rows: number): readonly ProductTile[] {
  if (rows <= 4) return [{ rows, columns: 8 }, { rows: 4, columns: 128, depth: 16 }];
  return [
    { rows: 12, columns: 8 },
    { rows: 16, columns: 8 },
    { rows: 64, columns: 64, depth: 16 },
    { rows: 32, columns: 32, depth: 32 },
  ];
}

/** The layer, by the candidate that `builder` chooses. */
export function deltaLinearProduct(
  builder: KernelBuilder,
  factors: DeltaLinearFactors,
  keepSigned: boolean,
): Operand[] {
  const sizes = sizesOf(factors);
  const { first, second } = factors;
  const kernel = `deltaLinear ${first.storage} ${second.storage}${keepSigned ? " signed" : ""}`;
  const candidates = tileCandidates(deltaLinearTiles(sizes.rows), {
    registers: (tile) => registerDeltaLinear(factors, tile, keepSigned),
    workgroup: (tile) => workgroupDeltaLinear(factors, tile, keepSigned),
  });
  return chosenProduct(builder, { kernel, ...sizes }, candidates);
}
