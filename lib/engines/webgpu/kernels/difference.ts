/**
 * Δ = fine − base, rounded to a type of checkpoints, to the bit. A device may take subnormal numbers for zero
 * and need not round as a CPU does, so that all but one subtraction of ordinary numbers is done on whole
 * words.
 */

import { elementCount, type FloatType } from "../../../checkpoint/tensor.ts";
import type { Kernel, Operand } from "../kernel.ts";
import { elementKernel } from "./grid.ts";

/** The kernel of all elements. */
export function differenceKernel(fine: Operand, base: Operand, type: FloatType): Kernel {
  return elementKernel(elementCount(fine.shape), {
    name: `difference, ${type}`,
    reads: { fine, base },
    writes: { delta: { shape: fine.shape } },
    module: SUBTRACT + ROUND[type],
    body: `
let exact = subtract(bitcast<u32>(fine_at(i)), bitcast<u32>(base_at(i)));
delta[i] = bitcast<f32>(round_bits(exact));`,
  });
}

/**
 * fround(a − b) as bits. Numbers below 2⁻²⁷ are subtracted 2¹⁴⁹ times as large, where the least subnormal is
 * 1: neither they nor their difference are subnormal there. Beside a larger number a subnormal is nothing.
 */
const SUBTRACT = `
const MAGNITUDE: u32 = 0x7fffffffu;
const SMALL: u32 = 100u << 23u;
const SCALE: u32 = 149u << 23u;
fn enlarge(bits: u32) -> f32 {
  let magnitude = bits & MAGNITUDE;
  let whole = bitcast<u32>(f32(magnitude));
  let large = select(magnitude + SCALE, whole, magnitude < 0x800000u);
  return bitcast<f32>(large | (bits & 0x80000000u));
}
fn subtract(a: u32, b: u32) -> u32 {
  if (max(a & MAGNITUDE, b & MAGNITUDE) >= SMALL) {
    return bitcast<u32>(bitcast<f32>(a) - bitcast<f32>(b));
  }
  let large = bitcast<u32>(enlarge(a) - enlarge(b));
  let magnitude = large & MAGNITUDE;
  // Below 2²³ stand whole numbers of the least subnormal.
  let small = select(magnitude - SCALE, u32(bitcast<f32>(magnitude)), magnitude < (150u << 23u));
  return small | (large & 0x80000000u);
}
`;

/** WGSL: the bits of a 32-bit float as those of the nearest number of a type, ties to even. */
const ROUND: Readonly<Record<FloatType, string>> = {
  F32: "fn round_bits(bits: u32) -> u32 { return bits; }",
  BF16: `
fn round_bits(bits: u32) -> u32 {
  let nearest = (bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u;
  return select(nearest, bits | 0x400000u, (bits & MAGNITUDE) > 0x7f800000u);
}`,
  // Below 2⁻¹⁴ float16 is subnormal: whole numbers of 2⁻²⁴.
  F16: `
fn round_bits(bits: u32) -> u32 {
  let magnitude = bits & MAGNITUDE;
  let sign = bits & 0x80000000u;
  if (magnitude > 0x7f800000u) { return bits | 0x400000u; }
  if (magnitude >= 0x477ff000u) { return sign | 0x7f800000u; }
  if (magnitude >= 0x38800000u) {
    return sign | ((magnitude + 0xfffu + ((magnitude >> 13u) & 1u)) & 0xffffe000u);
  }
  if (magnitude <= 0x33000000u) { return sign; }
  let shift = 126u - (magnitude >> 23u);
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let below = significand >> shift;
  let nearest = (significand + (1u << (shift - 1u)) - 1u + (below & 1u)) >> shift;
  return sign | bitcast<u32>(f32(nearest) * 5.9604644775390625e-8f);
}`,
};
