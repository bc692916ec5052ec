/** Products of matrices, rows gathered by index and added back, and matrices below each other. */

import { elementCount, makeValue, requireShapes, type Value } from "../graph.ts";
import type { Kernel, KernelBuilder, Operand } from "../../engines/webgpu/kernel.ts";
import { elementKernel } from "../../engines/webgpu/kernels/grid.ts";
import { matmulKernel } from "../../engines/webgpu/kernels/matmul.ts";
import { scatterRowSums } from "../../engines/webgpu/kernels/scatter_rows.ts";

/** Which factors are transposed before the product. */
export interface MatmulOptions {
  transposeFirst?: boolean;
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
    wgsl: (builder, [first, second]) =>
      builder.dispatch(
        matmulKernel(builder, { first, second, transposeFirst, transposeSecond }),
      ),
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
    wgsl: (builder, [matrix, indices]) =>
      builder.dispatch(elementKernel(elementCount(shape), {
        name: "gatherRows",
        reads: { matrix, indices },
        writes: { gathered: { shape } },
        sizes: { rows, columns },
        factors: { absent: NaN },
        body: `
let row = bitcast<u32>(indices[i / sizes.columns]);
let inside = min(row, sizes.rows - 1u) * sizes.columns + i % sizes.columns;
gathered[i] = select(factors.absent, matrix_at(inside), row < sizes.rows);`,
      })),
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
    wgsl: (builder, [x, indices]) => scatterRowSums(builder, x, indices, shape),
  });
}

/** Pieces that one kernel joins: with its result they are the 8 storage buffers of any device. */
const MOST_PIECES = 7;

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
    wgsl: joined,
  });
}

/** Joins as many pieces as one kernel can, then what that made, until one is left. */
function joined(builder: KernelBuilder, pieces: readonly Operand[]): Operand {
  if (pieces.length === 1) return pieces[0];
  const groups = Array.from(
    { length: Math.ceil(pieces.length / MOST_PIECES) },
    (_, group) => pieces.slice(group * MOST_PIECES, (group + 1) * MOST_PIECES),
  );
  const wider = groups.map((each) =>
    each.length === 1 ? each[0] : builder.dispatch(copies(each))[0]
  );
  return joined(builder, wider);
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
