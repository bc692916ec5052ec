/** Rows that each row of a step takes from its own tenant's table: an embedding's, or a vector such as scales. */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";
import { type Piece, piecesOf } from "./row_pieces.ts";

/** What rows are taken by: i32 `[R]` each. */
interface Places {
  readonly groups: Operand;
  readonly indices: Operand;
}

/**
 * y[r] = tables[groups[r], indices[r]] of tables `[G, rows, n]`: zeros for a row of group −1, NaN where there is no
 * such group or row.
 */
export function groupedRows(builder: KernelBuilder, tables: Operand, places: Places): Operand {
  const [count, rows, columns] = tables.shape;
  const matrix = builder.part(tables, 0, [count * rows, columns]);
  let found: Operand | undefined;
  for (const piece of piecesOf(builder, matrix)) {
    [found] = builder.dispatch(rowsKernel(piece, { groupCount: count, rows }, places, found));
  }
  return found!;
}

/** Takes the rows that a piece of all tables below each other holds; others are as they were found. */
function rowsKernel(
  { begin, operand: piece }: Piece,
  sizes: { readonly groupCount: number; readonly rows: number },
  { groups, indices }: Places,
  found?: Operand,
): Kernel {
  const [held, columns] = piece.shape;
  const shape = [groups.shape[0], columns];
  return elementKernel(elementCount(shape), {
    name: "groupedRows",
    reads: { piece, rowGroups: groups, indices, ...found && { found } },
    writes: { taken: { shape } },
    sizes: { ...sizes, columns, begin, held },
    factors: { absent: NaN },
    body: `
let ofRow = rowGroups[i / sizes.columns];
let row = bitcast<u32>(indices[i / sizes.columns]);
let exists = bitcast<u32>(ofRow) < sizes.groupCount && row < sizes.rows;
let inPiece = bitcast<u32>(ofRow) * sizes.rows + row - sizes.begin;
let number = piece_at(min(inPiece, sizes.held - 1u) * sizes.columns + i % sizes.columns);
let elsewhere = ${found ? "found_at(i)" : "select(factors.absent, 0.0, ofRow == -1 || exists)"};
taken[i] = select(elsewhere, number, exists && inPiece < sizes.held);`,
  });
}
