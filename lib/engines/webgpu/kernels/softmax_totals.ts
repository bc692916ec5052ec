/** What a softmax over one row needs of the whole row, read once by one workgroup, as a WGSL function. */

import type { KernelFeatures } from "../kernel.ts";
import { WORKGROUP } from "./grid.ts";
import { LOWEST, workgroupMax, workgroupSum } from "./workgroup_reduce.ts";

/**
 * Module text with, for each of `accessors` (functions `(i: u32) -> f32`),
 * `<accessor>_totals(start: u32, length: u32, lane: u32) -> vec2f`: the largest of the numbers
 * start … start + length − 1 and the sum of e^(number − largest).
 *
 * Each invocation keeps both while it goes through its share (Milakov & Gimelshein 2018, "Online
 * normalizer calculation for softmax", algorithm 3), with one exponential a number.
 */
export function softmaxTotals(features: KernelFeatures, ...accessors: string[]): string {
  return workgroupMax(features) + workgroupSum(features) + accessors.map(totals).join("");
}

function totals(accessor: string): string {
  return `
fn ${accessor}_totals(start: u32, length: u32, lane: u32) -> vec2f {
  var largest = ${LOWEST};
  var sum = 0.0;
  for (var column = lane; column < length; column += ${WORKGROUP}u) {
    let number = ${accessor}(start + column);
    let excess = number - largest;
    let ratio = exp(-abs(excess));
    sum = select(sum + ratio, fma(sum, ratio, 1.0), excess > 0.0);
    largest = max(largest, number);
  }
  let all = workgroupMax(largest, lane);
  return vec2f(all, workgroupSum(sum * exp(largest - all), lane));
}
`;
}
