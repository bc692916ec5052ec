/** Rows of matrices: gathered by index, added up by index, cut short, and put below each other. */

import { elementCount } from "../../../checkpoint/tensor.ts";
import type { Shape } from "../../../graph/graph.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** The rows of a matrix `[rows, columns]` that i32 `indices` name; NaN where there is no such row. */
export function gatherKernel(matrix: Operand, indices: Operand): Kernel {
  const [rows, columns] = matrix.shape;
  const shape = [indices.shape[0], columns];
  return elementKernel(elementCount(shape), {
    name: "gatherRows",
    reads: { matrix, indices },
    writes: { gathered: { shape } },
    sizes: { rows, columns },
    factors: { absent: NaN },
    body: `
let row = bitcast<u32>(indices[i / sizes.columns]);
let inside = min(row, sizes.rows - 1u) * sizes.columns + i % sizes.columns;
gathered[i] = select(factors.absent, matrix_at(inside), row < sizes.rows);`,
  });
}

/**
 * y[r] = Σ x[t] over all t with indices[t] = r, always in the order of the rows and without atomics: indices
 * become linked lists, one for each row of the result, and each element of the result follows its own.
 *
 * @param x `[tokens, columns]`
 * @param indices i32 `[tokens]`; one beyond the result's rows adds to none.
 * @param shape `[rows, columns]`
 */
export function scatterRowSums(
  builder: KernelBuilder,
  x: Operand,
  indices: Operand,
  shape: Shape,
): Operand {
  const [rows, columns] = shape;
  const sizes = { rows, columns, tokens: indices.shape[0] };
  // links[r]: the first token of row r. links[rows + t]: the next token after t of t's row.
  const [links] = builder.dispatch(elementKernel(rows + sizes.tokens, {
    name: "scatterRowsLinks",
    reads: { indices },
    writes: { links: { shape: [rows + sizes.tokens], type: "i32" } },
    sizes,
    body: `
var row = i;
var token = 0u;
if (i >= sizes.rows) {
  row = bitcast<u32>(indices[i - sizes.rows]);
  token = i - sizes.rows + 1u;
}
while (token < sizes.tokens && bitcast<u32>(indices[token]) != row) { token++; }
links[i] = i32(token);`,
  }));
  const [sums] = builder.dispatch(elementKernel(elementCount(shape), {
    name: "scatterRows",
    reads: { x, links },
    writes: { sums: { shape } },
    sizes,
    body: `
let row = i / sizes.columns;
let column = i % sizes.columns;
var sum = 0.0;
var token = u32(links[row]);
while (token < sizes.tokens) {
  sum += x_at(token * sizes.columns + column);
  token = u32(links[sizes.rows + token]);
}
sums[i] = sum;`,
  }));
  return sums;
}

/** The first columns of each row: those of a result `[rows, count]`. */
export function firstColumnsKernel(x: Operand, shape: Shape): Kernel {
  return elementKernel(elementCount(shape), {
    name: "firstColumns",
    reads: { x },
    writes: { first: { shape } },
    sizes: { columns: x.shape[1], kept: shape[1] },
    body: "first[i] = x_at(i / sizes.kept * sizes.columns + i % sizes.kept);",
  });
}

/** Pieces that one kernel joins: with its result they are the 8 storage buffers of any device. */
const MOST_PIECES = 7;

/**
 * Matrices of one width below each other: joins as many as one kernel can, then what that made, until one is
 * left.
 */
export function joinedRows(builder: KernelBuilder, pieces: readonly Operand[]): Operand {
  if (pieces.length === 1) return pieces[0];
  const groups = Array.from(
    { length: Math.ceil(pieces.length / MOST_PIECES) },
    (_, group) => pieces.slice(group * MOST_PIECES, (group + 1) * MOST_PIECES),
  );
  const wider = groups.map((each) =>
    each.length === 1 ? each[0] : builder.dispatch(copies(each))[0]
  );
  return joinedRows(builder, wider);
}

function copies(pieces: readonly Operand[]): Kernel {
  const rows = pieces.reduce((sum, { shape }) => sum + shape[0], 0);
  const shape = [rows, pieces[0].shape[1]];
  const sizes: Record<string, number> = {};
  let end = 0;
  const cases = pieces.map((piece, index) => {
    const begin = index === 0 ? "0u" : `sizes.end${index - 1}`;
    end += elementCount(piece.shape);
    sizes[`end${index}`] = end;
    return `if (i < sizes.end${index}) { joined[i] = piece${index}_at(i - ${begin}); }`;
  });
  return elementKernel(elementCount(shape), {
    name: `concatenateRows${pieces.length}`,
    reads: Object.fromEntries(pieces.map((piece, index) => [`piece${index}`, piece])),
    writes: { joined: { shape } },
    sizes,
    body: cases.join("\nelse "),
  });
}
