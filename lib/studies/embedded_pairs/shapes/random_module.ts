/**
 * Random weights of a pair in WebAssembly SIMD: a base's, and a fine-tune's, which are the base's plus a
 * delta, both rounded to the type of a file once.
 *
 * Four lanes of xoshiro128++ (Blackman and Vigna, 2021), whose state lies at address 0. A number is a sum
 * of four uniform 16-bit halves, s, with its mean taken off, bent by a cubic: s·(linear + cubic·s²). Which
 * numbers a block gets is `random_pair.ts`; the slow, readable equal is in the tests.
 */

import wabt from "wabt";
import type { FloatType } from "../../../checkpoint/tensor.ts";

/** Bytes of the generator's state at address 0: four words of each of four lanes. */
export const STATE_BYTES = 64;

/** The compiled module with its memory. */
export interface RandomModule {
  readonly memory: WebAssembly.Memory;
  /**
   * Fills elements of a base and of its fine-tune, eight at a time, and moves the state on.
   *
   * @param base address of the base's block; `fine` alike, multiples of 16.
   * @param eights how many times eight elements, at least one.
   * @param mean added to each of the base's; `linear` and `cubic` bend its spread.
   * @param deltaLinear as `linear`, of what the fine-tune adds; `deltaCubic` alike.
   */
  readonly fill: Readonly<Record<FloatType, FillFunction>>;
}

type FillFunction = (
  base: number,
  fine: number,
  eights: number,
  mean: number,
  linear: number,
  cubic: number,
  deltaLinear: number,
  deltaCubic: number,
) => void;

/** A module of its own, with room for `bytes` after the state. */
export async function randomModule(bytes: number): Promise<RandomModule> {
  const text = `(module
    (memory (export "memory") ${Math.ceil((STATE_BYTES + bytes) / 65536)})
    ${Object.entries(STORES).map(([type, store]) => fillFunction(type, store)).join("\n")})`;
  const module = (await wabt()).parseWat("random.wat", text, { simd: true });
  try {
    const binary = new Uint8Array(module.toBinary({}).buffer);
    const { instance } = await WebAssembly.instantiate(binary);
    const { memory, ...fill } = instance.exports;
    return {
      memory: memory as WebAssembly.Memory,
      fill: fill as Record<FloatType, FillFunction>,
    };
  } finally {
    module.destroy();
  }
}

function fillFunction(type: string, store: (at: string, low: string, high: string) => string) {
  return `
    (func (export "${type}")
      (param $base i32) (param $fine i32) (param $eights i32)
      (param $mean f32) (param $linear f32) (param $cubic f32)
      (param $deltaLinear f32) (param $deltaCubic f32)
      (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
      (local $word v128) (local $shifted v128) (local $halves v128) (local $sum v128)
      (local $low v128) (local $high v128) (local $fineLow v128) (local $fineHigh v128)
      ${
    [0, 1, 2, 3].map((i) => `(local.set $s${i} (v128.load offset=${16 * i} (i32.const 0)))`)
      .join(" ")
  }
      (loop $next
        ${fourPairs("$low", "$fineLow")}
        ${fourPairs("$high", "$fineHigh")}
        ${store("$base", "$low", "$high")}
        ${store("$fine", "$fineLow", "$fineHigh")}
        (local.set $base (i32.add (local.get $base) (i32.const ${type === "F32" ? 32 : 16})))
        (local.set $fine (i32.add (local.get $fine) (i32.const ${type === "F32" ? 32 : 16})))
        (br_if $next (local.tee $eights (i32.sub (local.get $eights) (i32.const 1)))))
      ${
    [0, 1, 2, 3].map((i) => `(v128.store offset=${16 * i} (i32.const 0) (local.get $s${i}))`)
      .join(" ")
  })`;
}

/** Sets four weights of a base, and of its fine-tune, as float32. */
function fourPairs(base: string, fine: string): string {
  return `
    ${sumOfHalves}
    (local.set ${base} (f32x4.add (f32x4.splat (local.get $mean)) ${bent("$linear", "$cubic")}))
    ${sumOfHalves}
    (local.set ${fine} (f32x4.add (local.get ${base}) ${bent("$deltaLinear", "$deltaCubic")}))`;
}

/** $sum·(linear + cubic·$sum²). */
function bent(linear: string, cubic: string): string {
  return `(f32x4.mul (local.get $sum) (f32x4.add (f32x4.splat (local.get ${linear}))
    (f32x4.mul (f32x4.splat (local.get ${cubic})) (f32x4.mul (local.get $sum) (local.get $sum)))))`;
}

/** Sets $word to the generator's next: s0 + rotl(s0 + s3, 7), and moves the state on. */
const nextWord = `
  (local.set $word (i32x4.add (local.get $s0) (local.get $s3)))
  (local.set $word (i32x4.add (local.get $s0) ${rotated("$word", 7)}))
  (local.set $shifted (i32x4.shl (local.get $s1) (i32.const 9)))
  (local.set $s2 (v128.xor (local.get $s2) (local.get $s0)))
  (local.set $s3 (v128.xor (local.get $s3) (local.get $s1)))
  (local.set $s1 (v128.xor (local.get $s1) (local.get $s2)))
  (local.set $s0 (v128.xor (local.get $s0) (local.get $s3)))
  (local.set $s2 (v128.xor (local.get $s2) (local.get $shifted)))
  (local.set $s3 ${rotated("$s3", 11)})`;

function rotated(local: string, bits: number): string {
  return `(v128.or (i32x4.shl (local.get ${local}) (i32.const ${bits}))
    (i32x4.shr_u (local.get ${local}) (i32.const ${32 - bits})))`;
}

const halvesOfWord = "(i32x4.extadd_pairwise_i16x8_u (local.get $word))";

/** Sets $sum to the halves of two words a lane, less the mean of such sums: 4 · 65535 / 2, exactly. */
const sumOfHalves = `
  ${nextWord}
  (local.set $halves ${halvesOfWord})
  ${nextWord}
  (local.set $sum (f32x4.convert_i32x4_s (i32x4.sub
    (i32x4.add (local.get $halves) ${halvesOfWord})
    (i32x4.splat (i32.const 131070)))))`;

/** Stores eight elements that lie in two locals as float32: each type's bits, and which bytes of them. */
const STORES: Readonly<Record<FloatType, (at: string, low: string, high: string) => string>> = {
  F32: (at, low, high) => `
    (v128.store (local.get ${at}) (local.get ${low}))
    (v128.store offset=16 (local.get ${at}) (local.get ${high}))`,
  F16: (at, low, high) => `
    (v128.store (local.get ${at}) (i8x16.shuffle 0 1 4 5 8 9 12 13 16 17 20 21 24 25 28 29
      ${float16Bits(low)} ${float16Bits(high)}))`,
  BF16: (at, low, high) => `
    (v128.store (local.get ${at}) (i8x16.shuffle 2 3 6 7 10 11 14 15 18 19 22 23 26 27 30 31
      ${bfloat16Bits(low)} ${bfloat16Bits(high)}))`,
};

/** In the upper halves: rounded to nearest, ties to even, by adding just under half of the last place. */
function bfloat16Bits(local: string): string {
  return roundedAt(`(local.get ${local})`, 16);
}

/**
 * In the lower halves. A magnitude below 2⁻¹⁴ is subnormal, in steps of 2⁻²⁴, which are those of floats
 * from ½ on: adding ½ rounds it. The others are rounded as bfloat16 is, and their exponent biased anew.
 */
function float16Bits(local: string): string {
  const magnitude = `(f32x4.abs (local.get ${local}))`;
  const half = "(f32x4.splat (f32.const 0.5))";
  const subnormal = `(i32x4.sub (f32x4.add ${magnitude} ${half}) ${half})`;
  const normal = `(i32x4.sub (i32x4.shr_u ${roundedAt(magnitude, 13)} (i32.const 13))
    (i32x4.splat (i32.const ${(127 - 15) << 10})))`;
  return `(v128.or
    (v128.bitselect ${subnormal} ${normal}
      (f32x4.lt ${magnitude} (f32x4.splat (f32.const ${2 ** -14}))))
    (v128.and (i32x4.shr_u (local.get ${local}) (i32.const 16)) (i32x4.splat (i32.const 0x8000))))`;
}

function roundedAt(words: string, bit: number): string {
  return `(i32x4.add (i32x4.add ${words} (i32x4.splat (i32.const ${(1 << bit - 1) - 1})))
    (v128.and (i32x4.shr_u ${words} (i32.const ${bit})) (i32x4.splat (i32.const 1))))`;
}
