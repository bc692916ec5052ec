/** GPTQ over a block of inputs, an output an invocation: see the op `gptqBlock`. */

import type { Kernel, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** Errors, numbers, scales and zero points below each other. */
export function gptqBlockKernel(
  weights: Operand,
  factor: Operand,
  shape: readonly number[],
  { bits, group }: Readonly<Record<string, number>>,
): Kernel {
  const [rows, columns] = weights.shape;
  const most = `${2 ** bits - 1}.0`;
  return elementKernel(columns, {
    name: "gptqBlock",
    reads: { weights, factor },
    writes: { result: { shape } },
    sizes: { columns, rows, group, groups: Math.ceil(rows / group) },
    module: `
fn to_half(x: f32) -> f32 {
  if (x < 0x1p-14) { return round(x * 0x1p24) * 0x1p-24; }
  let bits = bitcast<u32>(x);
  return bitcast<f32>((bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u);
}`,
    body: `
var w: array<f32, 128>;
for (var row = 0u; row < sizes.rows; row++) { w[row] = weights_at(row * sizes.columns + i); }
var scale = 0.0;
var zero = 0.0;
for (var row = 0u; row < sizes.rows; row++) {
  if (row % sizes.group == 0u) {
    var low = 0.0;
    var high = 0.0;
    for (var at = row; at < min(sizes.rows, row + sizes.group); at++) {
      low = min(low, w[at]);
      high = max(high, w[at]);
    }
    scale = to_half((high - low) / ${most});
    zero = 0.0;
    if (scale > 0.0) { zero = min(${most}, round(-low / scale)); }
    let of_group = 2u * sizes.rows + row / sizes.group;
    result[of_group * sizes.columns + i] = scale;
    result[(of_group + sizes.groups) * sizes.columns + i] = zero;
  }
  var q = zero;
  if (scale > 0.0) { q = clamp(round(w[row] / scale) + zero, 0.0, ${most}); }
  let wrong = (w[row] - scale * (q - zero)) / factor_at(row * sizes.rows + row);
  result[row * sizes.columns + i] = wrong;
  result[(sizes.rows + row) * sizes.columns + i] = q;
  for (var at = row + 1u; at < sizes.rows; at++) {
    w[at] -= wrong * factor_at(row * sizes.rows + at);
  }
}`,
  });
}
