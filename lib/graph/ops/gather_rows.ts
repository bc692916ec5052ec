/** `gatherRows`: rows of a matrix by index; with tokens as indices, an embedding lookup. */

import { elementCount, makeValue, requireShapes, type Value } from "../graph.ts";
import { elementKernel } from "../../engines/webgpu/kernels/grid.ts";
import { scatterRowSums } from "../../engines/webgpu/kernels/scatter_rows.ts";

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
