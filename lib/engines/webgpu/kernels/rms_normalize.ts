/** RMSNorm and its gradient, one workgroup a row. */

import type { Shape } from "../../../graph/graph.ts";
import type { KernelBuilder, Operand } from "../kernel.ts";
import { rowKernel, WORKGROUP } from "./grid.ts";
import { workgroupSum, workgroupSum2 } from "./workgroup_reduce.ts";

/** x̂ = x / √(mean(x²) + ε) along the last axis; with a weight `[columns]`, x̂ ∘ w in the same pass. */
export function rmsNormalized(
  builder: KernelBuilder,
  x: Operand,
  epsilon: number,
  weight?: Operand,
): Operand[] {
  const { rows, columns } = rowsOf(x.shape);
  return builder.dispatch(rowKernel(rows, {
    name: weight ? "rmsNormalizeScaled" : "rmsNormalize",
    reads: weight ? { x, weight } : { x },
    writes: { normalized: { shape: x.shape } },
    sizes: { columns },
    factors: { epsilon },
    module: workgroupSum(builder.features),
    body: `
let start = row * sizes.columns;
var squares = 0.0;
for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u) {
  let number = x_at(start + column);
  squares = fma(number, number, squares);
}
let meanSquare = workgroupSum(squares, lane) / f32(sizes.columns);
let inverse = 1.0 / sqrt(meanSquare + factors.epsilon);
for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u) {
  normalized[start + column] = x_at(start + column) * inverse${
      weight ? " * weight_at(column)" : ""
    };
}`,
  }));
}

/** r · (g − x̂ · mean(g ∘ x̂)) = r · g − x · r³ · mean(g ∘ x), with r = 1 / √(mean(x²) + ε). */
export function rmsNormalizedGradient(
  builder: KernelBuilder,
  x: Operand,
  upstream: Operand,
  epsilon: number,
): Operand[] {
  const { rows, columns } = rowsOf(x.shape);
  return builder.dispatch(rowKernel(rows, {
    name: "rmsNormalizeGradient",
    reads: { x, upstream },
    writes: { partial: { shape: x.shape } },
    sizes: { columns },
    factors: { epsilon },
    module: workgroupSum2(builder.features),
    body: `
let start = row * sizes.columns;
var products = vec2f();
for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u) {
  let number = x_at(start + column);
  products += number * vec2f(number, upstream_at(start + column));
}
let means = workgroupSum2(products, lane) / f32(sizes.columns);
let inverse = 1.0 / sqrt(means.x + factors.epsilon);
let radial = means.y * inverse * inverse;
for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u) {
  let at = start + column;
  partial[at] = inverse * (upstream_at(at) - x_at(at) * radial);
}`,
  }));
}

function rowsOf(shape: Shape): { rows: number; columns: number } {
  return {
    rows: shape.slice(0, -1).reduce((rows, size) => rows * size, 1),
    columns: shape.at(-1)!,
  };
}
