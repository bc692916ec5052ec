/**
 * Rows of which each takes its own group's part of a table `[groups, …]`, as text of kernels: which part that is, and
 * what stands where there is none. Tables that are larger than a kernel can bind are read in pieces of whole groups,
 * each of which leaves rows of other pieces as it finds them.
 */

import { elementCount } from "../../../checkpoint/tensor.ts";
import { storedBytes } from "../buffers.ts";
import type { KernelBuilder, Operand } from "../kernel.ts";

/** Where a binding may begin, on every device. */
const ALIGNMENT = 256;

/** What a product of rows becomes in a layer. */
export interface RowLayer {
  /** Vectors `[groups, rows, columns]` of the same groups, and i32 `[rows of the product]`: the one that it is times. */
  readonly scale?: { readonly vectors: Operand; readonly indices: Operand };
  /** `[rows, columns]`: what is added to it, at most two. */
  readonly addends: readonly Operand[];
}

/** Some groups of a table, and what rows there are of them. */
export interface RowGroups {
  /** i32 `[rows]`: the group of each row, −1 for none. */
  readonly groups: Operand;
  /** Groups of the whole table. */
  readonly count: number;
  /** The first group of this piece. */
  readonly begin: number;
  /** The groups of this piece. */
  readonly table: Operand;
  /** The result `[rows, columns]` so far: what other pieces gave. */
  readonly found?: Operand;
  /** What the product becomes; default: itself. */
  readonly layer?: RowLayer;
}

/** The result of `product` by the pieces of a table, each of which sees what those before it gave. */
export function byGroupPieces(
  builder: KernelBuilder,
  table: Operand,
  groups: Operand,
  product: (piece: RowGroups) => Operand,
  layer?: RowLayer,
): Operand {
  const [count, ...sides] = table.shape;
  const most = builder.features.bindingBytes ?? Infinity;
  const size = elementCount(sides);
  const bytes = (groups: number) => storedBytes(groups * size, table.storage);
  // Whole words and an aligned begin, by doubling: 256 groups of any size are so.
  let unit = 1;
  while (unit * size * storedBytes(2, table.storage) / 2 % ALIGNMENT !== 0) unit *= 2;
  const held = Math.floor(most / bytes(unit)) * unit;
  // What no piece holds is refused by its name when the graph is made ready.
  if (bytes(count) <= most || held === 0) return product({ groups, count, begin: 0, table, layer });
  let found: Operand | undefined;
  for (let begin = 0; begin < count; begin += held) {
    const piece = builder.part(table, begin * size, [Math.min(held, count - begin), ...sides]);
    found = product({ groups, count, begin, table: piece, found, layer });
  }
  return found!;
}

/** What a kernel reads for them. */
export function groupReads(grouped?: RowGroups): Record<string, Operand> {
  if (!grouped) return {};
  const { groups, found, layer } = grouped;
  const addends = layer?.addends.map((each, index) => [`addend${index}`, each]) ?? [];
  return {
    rowGroups: groups,
    ...found && { found },
    ...layer?.scale,
    ...Object.fromEntries(addends),
  };
}

/** Uniform sizes that the text below needs. */
export function groupSizes({ count, begin, table, layer }: RowGroups): Record<string, number> {
  const vectors = layer?.scale && { vectorRows: layer.scale.vectors.shape[1] };
  return { groupCount: count, begin, held: table.shape[0], ...vectors };
}

/**
 * WGSL at module scope: `piece_of(group)`, the place of a group in this piece, and `is_here(group)`, whether it has
 * one. A group that does not exist is taken for the last one, so that its row is computed, and refused when it is
 * written.
 */
export const GROUP_TEXT = `
fn piece_of(group: i32) -> u32 {
  return min(bitcast<u32>(group), sizes.groupCount - 1u) - sizes.begin;
}
fn is_here(group: i32) -> bool { return group >= 0 && piece_of(group) < sizes.held; }`.trim();

/** Where a number of a result lies, and the product of its row and group, as WGSL. */
export interface NumberText {
  readonly group: string;
  readonly row: string;
  readonly column: string;
  readonly sum: string;
}

/**
 * WGSL of what is written: of group −1 what the layer has without the product, of a group in another piece what that
 * gave, and of one that does not exist NaN, which is refused where it is read.
 */
export function numberOfGroup(
  { found, layer }: RowGroups,
  { group, row, column, sum }: NumberText,
): string {
  const at = `${row} * sizes.columns + ${column}`;
  const addends = layer?.addends.map((_, index) => `addend${index}_at(${at})`) ?? [];
  const known = `${group} >= -1 && ${group} < i32(sizes.groupCount)`;
  const without = addends.join(" + ") || "0.0";
  const elsewhere = found ? `found_at(${at})` : `select(factors.absent, ${without}, ${known})`;
  const product = layer?.scale ? `${sum} * ${scaleText(group, row, column)}` : sum;
  const number = [...addends, product].join(" + ");
  return `select(${elsewhere}, ${number}, is_here(${group}) && ${group} < i32(sizes.groupCount))`;
}

function scaleText(group: string, row: string, column: string): string {
  const index = `bitcast<u32>(indices[${row}])`;
  const vector = `bitcast<u32>(max(${group}, 0)) * sizes.vectorRows + ${index}`;
  return `select(factors.absent, vectors_at((${vector}) * sizes.columns + ${column}), ` +
    `${index} < sizes.vectorRows)`;
}
