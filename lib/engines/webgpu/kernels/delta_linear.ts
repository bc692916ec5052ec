/**
 * A compressed linear layer y = X · Wᵀ + α ⊙ (X · Sᵀ), which reads x once. Where X · Sᵀ has no other users
 * it is one dense product with W + αS, each number of which is rounded once, as the weight is read. Where
 * it has, as in training, both products are summed by themselves, in the order of `matmul` and
 * `signMatmul`, so that y is the same to the last bit as without fusion.
 */

import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import {
  type CompressedFactor,
  compressedSource,
  denseSource,
  weightAndSigns,
  WORD,
} from "./block_sources.ts";
import { chosenProduct, type Dispatch } from "./candidates.ts";
import { type ProductSizes, repeat } from "./product_tiles.ts";
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
import { ofColumns, type PartialSums, summedKernel, wholeSums } from "./stretch_sums.ts";
import { workgroupCandidates } from "./workgroup_candidates.ts";
import type { BlockProduct } from "./workgroup_tiles.ts";

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

/**
 * The sums of the layer by register tiles: X · (W + αS)ᵀ, or with `keepSigned` X · Wᵀ and X · Sᵀ by
 * themselves.
 */
export function registerDeltaLinear(
  factors: DeltaLinearFactors,
  tile: RegisterTile,
  keepSigned: boolean,
): Kernel {
  const { first, second, mask, scale } = factors;
  const sizes = sizesOf(factors);
  const { rows, columns } = tile;
  const result = { shape: [sizes.rows, sizes.columns] };
  const eachColumn = (line: (j: number) => string, separator = "\n    ") =>
    repeat(columns, line, separator);
  const signed = (i: number, j: number) => ` v${i}_${j} += bitcast<f32>(bitcast<u32>(a${i}) ^ s);`;
  const weight = (j: number) => {
    const w = `second_at(column${j} * sizes.inner + k)`;
    return keepSigned ? w : `${w} + bitcast<f32>(scale${j} ^ s)`;
  };
  const scaleOf = (j: number) => `bitcast<u32>(scale_at(column${j} * sizes.scaleColumn))`;
  return {
    name: `deltaLinear, ${registerTileName(tile)}`,
    reads: { first, second, mask, ...keepSigned ? {} : { scale } },
    writes: { y: result, ...keepSigned ? { signed: result } : {} },
    sizes: { ...sizes, ...keepSigned ? {} : { scaleColumn: scale.shape.length } },
    workgroup: [REGISTER_LANES],
    groups: registerGroups(tile, sizes),
    body: `
${placeRegisters(tile)}
${keepSigned ? "" : repeat(columns, (j) => `let scale${j} = ${scaleOf(j)};`)}
${
      eachStretch(`
${eachOutput(tile, (i, j) => `var c${i}_${j} = 0.0;${keepSigned ? ` var v${i}_${j} = 0.0;` : ""}`)}
for (var k0 = start; k0 < end; k0 += ${WORD}u) {
  ${
        eachColumn(
          (j) => `var s${j} = ~u32(mask[k0 / ${WORD}u * sizes.columns + column${j}]);`,
          "\n  ",
        )
      }
  let last = min(k0 + ${WORD}u, end);
  for (var k = k0; k < last; k++) {
    ${repeat(rows, (i) => `let a${i} = first_at(row${i} * sizes.inner + k);`, "\n    ")}
    ${
        eachColumn((j) =>
          `{ let s = s${j} << 31u; let b = ${weight(j)}; ` +
          repeat(rows, (i) =>
            `c${i}_${j} = fma(a${i}, b, c${i}_${j});${keepSigned ? signed(i, j) : ""}`, " ") +
          ` s${j} >>= 1u; }`
        )
      }
  }
}
${
        keepRegisters(tile, "y", (i, j) => `c${i}_${j}`)
      }
${keepSigned ? keepRegisters(tile, "signed", (i, j) => `v${i}_${j}`) : ""}`)
    }`,
  };
}

/** The sums of the layer by blocks. */
export function blockDeltaLinear(factors: DeltaLinearFactors, keepSigned: boolean): BlockProduct {
  const sizes = sizesOf(factors);
  const { first, second, mask, scale } = factors;
  const compressed: CompressedFactor = { weight: second, mask, scale };
  return {
    name: "deltaLinear",
    sizes,
    first: denseSource({ name: "first", operand: first, count: "rows", alongInner: true }, sizes),
    second: keepSigned ? weightAndSigns(compressed, sizes) : compressedSource(compressed, sizes),
    sums: keepSigned ? ["y", "signed"] : ["y"],
  };
}

/** Dispatches what makes y of both sums, and adds their parts where there are any. */
export function addScaled(dispatch: Dispatch, partial: PartialSums, scale: Operand): Operand[] {
  const factor = scale.shape.length === 0
    ? "scale_at(0u)"
    : ofColumns(partial.sizes, (column) => `scale_at(${column})`);
  const y = `y_sum + signed_sum * ${factor}`;
  if (partial.parts > 1) {
    return dispatch(summedKernel(partial, { y, signed: "signed_sum" }, { scale }));
  }
  return [...dispatch(summedKernel(partial, { y }, { scale })), partial.sums.signed];
}

/** Register tiles of the layer; the first is the one where nothing is known. */
export function deltaLinearTiles(rows: number): readonly RegisterTile[] {
  if (rows <= 4) return [{ rows, columns: 8 }];
  return [{ rows: 12, columns: 8 }, { rows: 16, columns: 8 }];
}

/** The layer, by the candidate that `builder` chooses. */
export function deltaLinearProduct(
  builder: KernelBuilder,
  factors: DeltaLinearFactors,
  keepSigned: boolean,
): Operand[] {
  const sizes = sizesOf(factors);
  const { first, second, scale } = factors;
  const kernel = `deltaLinear ${first.storage} ${second.storage}${keepSigned ? " signed" : ""}`;
  const finish = keepSigned
    ? (dispatch: Dispatch, sums: PartialSums) => addScaled(dispatch, sums, scale)
    : wholeSums;
  return chosenProduct(builder, { kernel, ...sizes }, [
    ...registerCandidates(
      deltaLinearTiles(sizes.rows),
      (tile) => registerDeltaLinear(factors, tile, keepSigned),
      (dispatch, [y, signed]) => finish(dispatch, { sizes, parts: 1, sums: { y, signed } }),
    ),
    ...workgroupCandidates(blockDeltaLinear(factors, keepSigned), finish),
  ]);
}
