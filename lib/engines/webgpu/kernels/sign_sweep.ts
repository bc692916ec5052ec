/**
 * Coordinate descent over the signs of the rows of a matrix: a workgroup a row, or one for all rows where they are
 * coupled. Of 32 signs at a time one invocation decides, and all add what the steps come to.
 */

import type { Kernel, Operand } from "../kernel.ts";

const LANES = 256;

/** Signs that are decided between two barriers. */
const STRETCH = 32;

/** V with its signs and the steps' DK below it; see the op `signSweep`. */
export function signSweepKernel(operands: readonly Operand[], passes: number): Kernel {
  const [values, gradient, inner, outer] = operands;
  const [rows, width] = values.shape;
  return {
    name: outer ? "coupledSignSweep" : "signSweep",
    reads: { values, gradient, inner, ...outer ? { outer } : {} },
    writes: { y: { shape: [2 * rows, width] } },
    sizes: { rows, width, passes },
    workgroup: [LANES],
    groups: [outer ? 1 : Math.min(rows, 65535)],
    module: `
var<workgroup> left: array<f32, ${STRETCH}>;
var<workgroup> steps: array<f32, ${STRETCH}>;
var<workgroup> between: array<f32, ${STRETCH * STRETCH}>;`,
    body: `
let width = sizes.width;
let moved = sizes.rows * width;
for (var row = group.x; row < sizes.rows; row += groups.x) {
  let start = row * width;
  for (var at = lane; at < width; at += ${LANES}u) {
    y[start + at] = values_at(start + at);
    y[moved + start + at] = 0.0;
  }
  storageBarrier();
  let curvature = ${outer ? "outer_at(row * sizes.rows + row)" : "1.0"};
  for (var round = 0u; round < sizes.passes; round++) {
    for (var begin = 0u; begin < width; begin += ${STRETCH}u) {
      let count = min(${STRETCH}u, width - begin);
      if (lane < count) {
        let at = start + begin + lane;
        var sum = gradient_at(at) - curvature * y[moved + at];
        ${
      outer
        ? `for (var other = 0u; other < row; other++) {
          sum -= outer_at(row * sizes.rows + other) * y[moved + other * width + begin + lane];
        }`
        : ""
    }
        left[lane] = sum;
      }
      for (var at = lane; at < count * ${STRETCH}u; at += ${LANES}u) {
        let column = min(begin + at % ${STRETCH}u, width - 1u);
        between[at] = inner_at((begin + at / ${STRETCH}u) * width + column);
      }
      workgroupBarrier();
      if (lane == 0u) {
        for (var i = 0u; i < count; i++) {
          let value = y[start + begin + i];
          let step = -2.0 * value;
          let change = step * (step * curvature * between[i * ${STRETCH + 1}u] - 2.0 * left[i]);
          steps[i] = select(0.0, step, change < 0.0);
          if (change < 0.0) {
            y[start + begin + i] = -value;
            for (var j = i + 1u; j < count; j++) {
              left[j] -= curvature * step * between[i * ${STRETCH}u + j];
            }
          }
        }
      }
      storageBarrier();
      workgroupBarrier();
      for (var at = lane; at < width; at += ${LANES}u) {
        var sum = y[moved + start + at];
        for (var i = 0u; i < count; i++) {
          if (steps[i] != 0.0) { sum += steps[i] * inner_at((begin + i) * width + at); }
        }
        y[moved + start + at] = sum;
      }
      storageBarrier();
      workgroupBarrier();
    }
  }
}`,
  };
}
