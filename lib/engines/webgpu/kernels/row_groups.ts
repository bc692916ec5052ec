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
}

/** The result of `product` by the pieces of a table, each of which sees what those before it gave. */
export function byGroupPieces(
  builder: KernelBuilder,
  table: Operand,
  groups: Operand,
  product: (piece: RowGroups) => Operand,
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
  if (bytes(count) <= most || held === 0) return product({ groups, count, begin: 0, table });
  let found: Operand | undefined;
  for (let begin = 0; begin < count; begin += held) {
    const piece = builder.part(table, begin * size, [Math.min(held, count - begin), ...sides]);
    found = product({ groups, count, begin, table: piece, found });
  }
  return found!;
}

/** What a kernel reads for them. */
export function groupReads(grouped?: RowGroups): Record<string, Operand> {
  if (!grouped) return {};
  const { groups, found } = grouped;
  return { rowGroups: groups, ...found && { found } };
}

/** Uniform sizes that the text below needs. */
export function groupSizes({ count, begin, table }: RowGroups): Record<string, number> {
  return { groupCount: count, begin, held: table.shape[0] };
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

/**
 * WGSL of what is written at `at` for a row of `group`: `number` where the group is in this piece; of group −1 zero, of
 * one that does not exist NaN, which is refused where it is read.
 */
export function numberOfGroup(
  { found }: RowGroups,
  group: string,
  number: string,
  at: string,
): string {
  const known = `${group} >= -1 && ${group} < i32(sizes.groupCount)`;
  const elsewhere = found ? `found_at(${at})` : `select(factors.absent, 0.0, ${known})`;
  return `select(${elsewhere}, ${number}, is_here(${group}) && ${group} < i32(sizes.groupCount))`;
}
