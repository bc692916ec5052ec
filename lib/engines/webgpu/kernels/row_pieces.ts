/**
 * Matrices that are larger than a kernel can bind, such as the embeddings of a large vocabulary on some
 * devices, read in pieces of whole rows. The numbers are those of one piece, to the bit.
 */

import { elementCount } from "../../../checkpoint/tensor.ts";
import { storedBytes } from "../buffers.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";
import { gatherKernel } from "./rows.ts";

/** A piece of this many rows begins where a binding may, however wide they are: at 256 bytes, in any type. */
const ROWS = 256;
/** Pieces that one kernel joins: with its result they are the 8 storage buffers of any device. */
const MOST_PIECES = 7;

/** Rows of a matrix from `begin` on. */
export interface Piece {
  readonly begin: number;
  readonly operand: Operand;
}

/** As `gatherKernel`: each piece adds the rows that it holds to those found before it. */
export function gatheredRows(builder: KernelBuilder, matrix: Operand, indices: Operand): Operand {
  const [first, ...others] = piecesOf(builder, matrix);
  let [gathered] = builder.dispatch(gatherKernel(first.operand, indices));
  for (const { begin, operand } of others) {
    [gathered] = builder.dispatch(gatherMore(operand, indices, begin, gathered));
  }
  return gathered;
}

/** A product with the transpose of `second`: each piece of its rows gives some of the columns. */
export function productByColumns(
  builder: KernelBuilder,
  second: Operand,
  product: (second: Operand) => readonly Operand[],
): Operand {
  return joinedColumns(
    builder,
    piecesOf(builder, second).flatMap(({ operand }) => product(operand)),
  );
}

/** The whole matrix where it can be bound, or can be cut by no rows. */
export function piecesOf(builder: KernelBuilder, matrix: Operand): Piece[] {
  const [rows, columns] = matrix.shape;
  const most = builder.features.bindingBytes ?? Infinity;
  const bytes = (rows: number) => storedBytes(rows * columns, matrix.storage);
  const height = Math.floor(most / bytes(ROWS)) * ROWS;
  if (bytes(rows) <= most || height === 0) return [{ begin: 0, operand: matrix }];
  return Array.from({ length: Math.ceil(rows / height) }, (_, index) => {
    const begin = index * height;
    const shape = [Math.min(height, rows - begin), columns];
    return { begin, operand: builder.part(matrix, begin * columns, shape) };
  });
}

function gatherMore(piece: Operand, indices: Operand, begin: number, found: Operand): Kernel {
  const [rows, columns] = piece.shape;
  return elementKernel(elementCount(found.shape), {
    name: "gatherMoreRows",
    reads: { piece, indices, found },
    writes: { gathered: { shape: found.shape } },
    sizes: { rows, columns, begin },
    body: `
let row = bitcast<u32>(indices[i / sizes.columns]) - sizes.begin;
let inside = min(row, sizes.rows - 1u) * sizes.columns + i % sizes.columns;
gathered[i] = select(found_at(i), piece_at(inside), row < sizes.rows);`,
  });
}

/** Matrices of one height beside each other: as many as one kernel can, until one is left. */
export function joinedColumns(builder: KernelBuilder, pieces: readonly Operand[]): Operand {
  if (pieces.length === 1) return pieces[0];
  const [joined] = builder.dispatch(columnCopies(pieces.slice(0, MOST_PIECES)));
  return joinedColumns(builder, [joined, ...pieces.slice(MOST_PIECES)]);
}

function columnCopies(pieces: readonly Operand[]): Kernel {
  const [rows] = pieces[0].shape;
  const ends = pieces.map((_, index) =>
    pieces.slice(0, index + 1).reduce((sum, { shape }) => sum + shape[1], 0)
  );
  const shape = [rows, ends.at(-1)!];
  const cases = pieces.map((_, index) => {
    const begin = index === 0 ? "0u" : `sizes.end${index - 1}`;
    const place = `row * (sizes.end${index} - ${begin}) + column - ${begin}`;
    return `if (column < sizes.end${index}) { joined[i] = piece${index}_at(${place}); }`;
  });
  return elementKernel(elementCount(shape), {
    name: `concatenateColumns${pieces.length}`,
    reads: Object.fromEntries(pieces.map((piece, index) => [`piece${index}`, piece])),
    writes: { joined: { shape } },
    sizes: Object.fromEntries(ends.map((end, index) => [`end${index}`, end])),
    body: `
let row = i / sizes.end${pieces.length - 1};
let column = i % sizes.end${pieces.length - 1};
${cases.join("\nelse ")}`,
  });
}
