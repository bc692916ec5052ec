/**
 * Reductions over the invocations of one workgroup, as WGSL functions. Always combined in the same
 * order, so that a run gives the bits of the run before.
 *
 * With subgroups, each one combines its own numbers and leaves the result in the slot of its first
 * invocation; after one barrier each combines what all have left. No order of invocations in subgroups
 * is assumed. Without, the slots are halved in a tree.
 */

import type { KernelFeatures } from "../kernel.ts";
import { WORKGROUP } from "./grid.ts";

interface Reduction {
  /** Name of the WGSL function. */
  name: string;
  type: "f32" | "vec2f" | "u32";
  /** What changes nothing when combined. */
  identity: string;
  /** a and b combined. */
  combine: (a: string, b: string) => string;
  /** The same over a subgroup. */
  subgroup: "subgroupAdd" | "subgroupMax" | "subgroupMin";
}

/** `workgroupSum(value: f32, lane: u32) -> f32`: the sum over the workgroup, in every invocation. */
export function workgroupSum(features: KernelFeatures): string {
  return reduction(features, {
    name: "workgroupSum",
    type: "f32",
    identity: "0.0",
    combine: (a, b) => `${a} + ${b}`,
    subgroup: "subgroupAdd",
  });
}

/** `workgroupSum2(value: vec2f, lane: u32) -> vec2f`: two sums at once. */
export function workgroupSum2(features: KernelFeatures): string {
  return reduction(features, {
    name: "workgroupSum2",
    type: "vec2f",
    identity: "vec2f()",
    combine: (a, b) => `${a} + ${b}`,
    subgroup: "subgroupAdd",
  });
}

/** `workgroupMax(value: f32, lane: u32) -> f32`: the largest number of the workgroup. */
export function workgroupMax(features: KernelFeatures): string {
  return reduction(features, {
    name: "workgroupMax",
    type: "f32",
    identity: LOWEST,
    combine: (a, b) => `max(${a}, ${b})`,
    subgroup: "subgroupMax",
  });
}

/** `workgroupFirst(value: u32, lane: u32) -> u32`: the lowest whole number of the workgroup. */
export function workgroupFirst(features: KernelFeatures): string {
  return reduction(features, {
    name: "workgroupFirst",
    type: "u32",
    identity: "0xffffffffu",
    combine: (a, b) => `min(${a}, ${b})`,
    subgroup: "subgroupMin",
  });
}

/** WGSL: the lowest finite f32; WGSL has no literal of −∞. */
export const LOWEST = "-3.4028234663852886e38f";

function reduction(features: KernelFeatures, reduction: Reduction): string {
  const { name, type } = reduction;
  return `
var<workgroup> ${name}Slots: array<${type}, ${WORKGROUP}>;
fn ${name}(value: ${type}, lane: u32) -> ${type} {${
    features.subgroups ? bySubgroups(reduction) : byHalves(reduction)
  }
}
`;
}

function byHalves({ name, combine }: Reduction): string {
  const slot = (index: string) => `${name}Slots[${index}]`;
  return `
  ${slot("lane")} = value;
  workgroupBarrier();
  for (var half = ${WORKGROUP / 2}u; half > 0u; half >>= 1u) {
    if (lane < half) { ${slot("lane")} = ${combine(slot("lane"), slot("lane + half"))}; }
    workgroupBarrier();
  }
  let result = ${slot("0u")};
  workgroupBarrier();
  return result;`;
}

function bySubgroups({ name, identity, combine, subgroup }: Reduction): string {
  return `
  let own = ${subgroup}(value);
  ${name}Slots[lane] = select(${identity}, own, lane == subgroupMin(lane));
  workgroupBarrier();
  let stride = subgroupAdd(1u);
  var result = ${identity};
  for (var slot = subgroupExclusiveAdd(1u); slot < ${WORKGROUP}u; slot += stride) {
    result = ${combine("result", `${name}Slots[slot]`)};
  }
  result = ${subgroup}(result);
  workgroupBarrier();
  return result;`;
}

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
