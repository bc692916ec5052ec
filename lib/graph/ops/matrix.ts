/** Products of matrices, rows gathered by index and added back, first columns, and matrices below each other. */

import { makeValue, requireShapes, type Value } from "../graph.ts";

/** Which factors are transposed before the product. */
export interface MatmulOptions {
  /** Default: no. */
  transposeFirst?: boolean;
  /** Default: no. */
  transposeSecond?: boolean;
}

/**
 * op(a) · op(b), where op transposes or not. A linear layer is
 * `matmul(x, weight, { transposeSecond: true })`: `[tokens, in] · [out, in]ᵀ → [tokens, out]`.
 */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  const { transposeFirst = false, transposeSecond = false } = options;
  const [rows, inner] = transposeFirst ? a.shape.toReversed() : a.shape;
  const [innerOfSecond, columns] = transposeSecond ? b.shape.toReversed() : b.shape;
  requireShapes(
    a.shape.length === 2 && b.shape.length === 2 && inner === innerOfSecond,
    "matmul",
    [a, b],
    `two matrices that share their inner size${transposeFirst ? ", the first transposed" : ""}` +
      (transposeSecond ? ", the second transposed" : ""),
  );
  return makeValue("matmul", [a, b], [rows, columns], {
    gradient: (upstream) => [
      transposeFirst
        ? matmul(b, upstream, { transposeFirst: transposeSecond, transposeSecond: true })
        : matmul(upstream, b, { transposeSecond: !transposeSecond }),
      transposeSecond
        ? matmul(upstream, a, { transposeFirst: true, transposeSecond: transposeFirst })
        : matmul(a, upstream, { transposeFirst: !transposeFirst }),
    ],
    onnx: (builder, inputs) =>
      builder.node("Gemm", inputs, { transA: +transposeFirst, transB: +transposeSecond }),
    attributes: { transposeFirst, transposeSecond },
  });
}

/** `[rows, features]` and i32 `[count]` → `[count, features]`: the rows that `indices` name. */
export function gatherRows(matrix: Value, indices: Value): Value {
  requireShapes(
    matrix.shape.length === 2 && indices.type === "i32" && indices.shape.length === 1,
    "gatherRows",
    [matrix, indices],
    "a matrix and a vector of i32 row numbers",
  );
  const [rows, columns] = matrix.shape;
  const shape = [indices.shape[0], columns];
  return makeValue("gatherRows", [matrix, indices], shape, {
    gradient: (upstream) => [scatterRows(upstream, indices, rows), null],
    onnx: (builder, inputs) => builder.node("Gather", inputs, { axis: 0 }),
  });
}

/** The transpose of {@linkcode gatherRows}: adds each row of `x` to the row that its index names. */
function scatterRows(x: Value, indices: Value, rows: number): Value {
  const shape = [rows, x.shape[1]];
  return makeValue("scatterRows", [x, indices], shape, {
    gradient: (upstream) => [gatherRows(upstream, indices), null],
    onnx: (builder, [numbers, indices]) => {
      const whole = (...each: readonly number[]) =>
        builder.constant(BigInt64Array.from(each, BigInt), [each.length]);
      const zero = builder.constant(Float32Array.of(0), [1, 1]);
      const zeros = builder.node("Expand", [zero, whole(...shape)]);
      const column = builder.node("Unsqueeze", [indices, whole(1)]);
      const places = builder.node("Expand", [column, whole(...x.shape)]);
      // Not ScatterND: ONNX Runtime's threads add to one row in whatever order they come.
      return builder.node("ScatterElements", [zeros, places, numbers], {
        axis: 0,
        reduction: "add",
      });
    },
  });
}

/** `[r₁, columns]`, `[r₂, columns]` … → `[Σ rᵢ, columns]`. */
export function concatenateRows(pieces: readonly Value[]): Value {
  const columns = pieces[0]?.shape[1];
  requireShapes(
    pieces.length > 0 &&
      pieces.every(({ shape, type }) =>
        shape.length === 2 && shape[1] === columns && type === "f32"
      ),
    "concatenateRows",
    pieces,
    "at least one matrix, all of one number of columns",
  );
  const rows = pieces.reduce((sum, { shape }) => sum + shape[0], 0);
  return makeValue("concatenateRows", pieces, [rows, columns], {
    onnx: (builder, pieces) => builder.node("Concat", pieces, { axis: 0 }),
  });
}

/** `[rows, columns]` → `[rows, count]`: the first columns of each row. */
export function firstColumns(x: Value, count: number): Value {
  requireShapes(
    x.shape.length === 2 && x.type === "f32" && Number.isInteger(count) && count >= 1 &&
      count <= x.shape[1],
    `firstColumns ${count}`,
    [x],
    "a matrix of as many columns or more",
  );
  if (count === x.shape[1]) return x;
  return makeValue("firstColumns", [x], [x.shape[0], count], {
    onnx: (builder, [x]) => {
      const whole = (each: number) => builder.constant(BigInt64Array.of(BigInt(each)), [1]);
      return builder.node("Slice", [x, whole(0), whole(count), whole(1)]);
    },
  });
}
