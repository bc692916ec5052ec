/** Parts of matrices: cut out, put beside each other, filled up with zeros; and a product taken from a matrix. */

import { makeValue, type OnnxBuilder, requireShapes, type Value } from "../graph.ts";
import { matmul, type MatmulOptions } from "./matrix.ts";

/** Rows and columns from `begin` up to `end`, which is none of them. */
export interface Part {
  /** Default: all rows. */
  readonly rows?: readonly [begin: number, end: number];
  /** Default: all columns. */
  readonly columns?: readonly [begin: number, end: number];
}

/**
 * Rows and columns of a matrix.
 *
 * @throws {GraphError} if it does not have them, or they are none.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const part = ops.submatrix(input("x", [2, 3]), { columns: [1, 3] });
 * const program = await onnxEngine({ threads: 1 }).compile({ part });
 * const results = await program.run({ x: Float32Array.of(1, 2, 3, 4, 5, 6) });
 * assert.deepEqual([...results.part], [2, 3, 5, 6]);
 * await program.release();
 * ```
 */
export function submatrix(x: Value, part: Part): Value {
  const [height = 0, width = 0] = x.shape;
  const { rows = [0, height], columns = [0, width] } = part;
  const isIn = ([begin, end]: readonly [number, number], size: number) =>
    Number.isInteger(begin) && Number.isInteger(end) && 0 <= begin && begin < end && end <= size;
  requireShapes(
    x.shape.length === 2 && x.type === "f32" && isIn(rows, height) && isIn(columns, width),
    `submatrix rows ${rows.join(" to ")}, columns ${columns.join(" to ")}`,
    [x],
    "a matrix that has them",
  );
  const [row, column] = [rows[0], columns[0]];
  return makeValue("submatrix", [x], [rows[1] - row, columns[1] - column], {
    attributes: { row, column },
    onnx: (builder, [x]) =>
      builder.node("Slice", [
        x,
        whole(builder, row, column),
        whole(builder, rows[1], columns[1]),
        whole(builder, 0, 1),
      ]),
  });
}

/** `[rows, c₁]`, `[rows, c₂]` … → `[rows, Σ cᵢ]`. */
export function concatenateColumns(pieces: readonly Value[]): Value {
  const rows = pieces[0]?.shape[0];
  requireShapes(
    pieces.length > 0 &&
      pieces.every(({ shape, type }) => shape.length === 2 && shape[0] === rows && type === "f32"),
    "concatenateColumns",
    pieces,
    "at least one matrix, all of one number of rows",
  );
  const columns = pieces.reduce((sum, { shape }) => sum + shape[1], 0);
  return makeValue("concatenateColumns", pieces, [rows, columns], {
    onnx: (builder, pieces) => builder.node("Concat", pieces, { axis: 1 }),
  });
}

/** `[rows, columns]` → `[rows, before + columns + after]`: the matrix between columns of zeros. */
export function padColumns(x: Value, before: number, after: number): Value {
  requireShapes(
    x.shape.length === 2 && x.type === "f32" &&
      [before, after].every((each) => Number.isInteger(each) && each >= 0),
    `padColumns ${before}, ${after}`,
    [x],
    "a matrix, and no less than 0 columns before and after it",
  );
  const [rows, columns] = x.shape;
  return makeValue("padColumns", [x], [rows, before + columns + after], {
    attributes: { before },
    onnx: (builder, [x]) => builder.node("Pad", [x, whole(builder, 0, before, 0, after)]),
  });
}

/** c − op(a) · op(b), where op transposes or not, as in {@linkcode matmul}; nothing lies between on a CPU. */
export function subtractProduct(
  c: Value,
  a: Value,
  b: Value,
  options: MatmulOptions = {},
): Value {
  const product = matmul(a, b, options);
  const { transposeFirst = false, transposeSecond = false } = options;
  requireShapes(
    c.shape.length === 2 && c.shape.every((size, axis) => size === product.shape[axis]),
    "subtractProduct",
    [c, a, b],
    "a matrix of the product's shape",
  );
  return makeValue("subtractProduct", [c, a, b], product.shape, {
    attributes: { transposeFirst, transposeSecond },
    onnx: (builder, [c, a, b]) =>
      builder.node("Gemm", [a, b, c], {
        transA: +transposeFirst,
        transB: +transposeSecond,
        alpha: { float: -1 },
      }),
  });
}

function whole(builder: OnnxBuilder, ...numbers: number[]): string {
  return builder.constant(BigInt64Array.from(numbers, BigInt), [numbers.length]);
}
