/**
 * What is left of a system's right side, where double precision is not to be had: products in exact parts, and each
 * sum with what its rounding lost (Ogita, Rump & Oishi 2005, "Accurate sum and dot product", algorithms 3.2, 4.3).
 */

import type { Kernel, Operand } from "../kernel.ts";
import { rowKernel, WORKGROUP } from "./grid.ts";

/** b − (A + ρI) x in rows from `begin` on; see the op `residualBlock`. */
export function residualBlockKernel(
  [a, x, b, ridge]: readonly Operand[],
  begin: number,
): Kernel {
  const [rows, n] = a.shape;
  return rowKernel(rows, {
    name: "residualBlock",
    reads: { a, x, b, ridge },
    writes: { y: { shape: [1, rows] } },
    sizes: { n, begin, zero: 0 },
    module: `
var<workgroup> partial: array<vec2f, ${WORKGROUP}>;
// Through bits, and with what a compiler does not know: else (a + b) - a is b to it.
fn kept(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) ^ sizes.zero); }
// A sum and what it lost, with a number added.
fn added(sum: vec2f, number: f32) -> vec2f {
  let whole = kept(sum.x + number);
  let back = kept(whole - sum.x);
  let lost = kept(sum.x - kept(whole - back)) + kept(number - back);
  return vec2f(whole, sum.y + lost);
}
// Halves of 12 bits, whose products are exact whether or not they are fused with a sum.
fn upper(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
fn lessProduct(sum: vec2f, u: f32, v: f32) -> vec2f {
  let a = vec2f(-upper(u), -(u - upper(u)));
  let b = vec2f(upper(v), v - upper(v));
  return added(added(added(added(sum, a.x * b.x), a.x * b.y), a.y * b.x), a.y * b.y);
}`,
    body: `
var sum = vec2f();
for (var k = lane; k < sizes.n; k += ${WORKGROUP}u) {
  sum = lessProduct(sum, a_at(row * sizes.n + k), x_at(k));
}
partial[lane] = sum;
workgroupBarrier();
if (lane == 0u) {
  var all = lessProduct(vec2f(b_at(sizes.begin + row), 0.0), ridge_at(0u), x_at(sizes.begin + row));
  for (var slot = 0u; slot < ${WORKGROUP}u; slot++) {
    all = added(all + vec2f(0.0, partial[slot].y), partial[slot].x);
  }
  y[row] = all.x + all.y;
}`,
  });
}
