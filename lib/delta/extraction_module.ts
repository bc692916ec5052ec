/**
 * The fast path from two weight matrices to packed signs and Σ|Δ|: one pass, in WebAssembly SIMD.
 *
 * The module is written here as text. It sees one block of rows at a time, in
 * a memory of its own: `extract_layer.ts` feeds it. The slow, readable equal is in the tests.
 */

import { ELEMENT_SIZES, type FloatType } from "../checkpoint/tensor.ts";
import { assembleModule } from "../util/wasm.ts";
import {
  bfloat16Differences,
  CONSTANTS,
  type Differences,
  float16Differences,
  float32Differences,
} from "./extract_differences.ts";

/** The compiled module with its memory. */
export interface ExtractionModule {
  readonly memory: WebAssembly.Memory;
  /**
   * Packs the signs of `fine − base`, each `[rows, 32 · wordsPerRow]` row-major, and sums the magnitudes.
   *
   * @param fine address of the fine-tune's block; `base` and `words` alike, all multiples of 16.
   * @param words where the packed signs go, `[wordsPerRow, rows]`.
   * @returns Σ|Δ| in float64; not finite if any difference is NaN or infinite.
   */
  readonly run: Readonly<Record<FloatType, ExtractionFunction>>;
}

type ExtractionFunction = (
  fine: number,
  base: number,
  words: number,
  rows: number,
  wordsPerRow: number,
) => number;

let compiled: Promise<WebAssembly.Module> | null = null;

/** The compiled module, assembled once; it can be sent to a worker. */
export function extractionCode(): Promise<WebAssembly.Module> {
  return compiled ??= assembleModule(
    "extract.wat",
    `(module
    (memory (export "memory") 1)
    ${extractionFunction("F32", float32Differences)}
    ${extractionFunction("F16", float16Differences)}
    ${extractionFunction("BF16", bfloat16Differences)})`,
  );
}

let started: ExtractionModule | null = null;

/** The module at work, one a thread: fill its memory and run it without awaiting between. */
export function extractionModule(code: WebAssembly.Module): ExtractionModule {
  if (started) return started;
  const { memory, ...run } = new WebAssembly.Instance(code).exports;
  return started = {
    memory: memory as WebAssembly.Memory,
    run: run as Record<FloatType, ExtractionFunction>,
  };
}

/**
 * One function a type: for each row, for each word of 32 signs, two halves of four vectors each. The
 * words of a row are stored a column apart, so the block comes out transposed. The magnitudes of a word
 * are summed in float32, three roundings deep (at most 1.8e-7 relative), words in float64.
 */
function extractionFunction(type: FloatType, differences: Differences): string {
  const wordBytes = 32 * ELEMENT_SIZES[type];
  return `
    (func (export "${type}")
      (param $fine i32) (param $base i32) (param $words i32) (param $rows i32) (param $wordsPerRow i32)
      (result f64)
      (local $row i32) (local $wordsLeft i32) (local $target i32) (local $bits i32)
      (local $d0 v128) (local $d1 v128) (local $d2 v128) (local $d3 v128)
      (local $f v128) (local $b v128) (local $magnitudes v128) (local $sum v128)
      (local $highest v128)
      ${Object.keys(CONSTANTS).map((name) => `(local $${name} v128)`).join(" ")}
      ${
    Object.entries(CONSTANTS).map(([name, value]) => `(local.set $${name} (v128.const ${value}))`)
      .join(" ")
  }
      (loop $nextRow
        (local.set $target (i32.add (local.get $words) (i32.shl (local.get $row) (i32.const 2))))
        (local.set $wordsLeft (local.get $wordsPerRow))
        (loop $nextWord
          ${differences.ofHalf(0)}
          (local.set $bits ${signBits(differences)})
          (local.set $magnitudes ${sumOfMagnitudes(differences)})
          ${differences.ofHalf(1)}
          (i32.store (local.get $target)
            (i32.or (local.get $bits) (i32.shl ${signBits(differences)} (i32.const 16))))
          (local.set $magnitudes
            (f32x4.add (local.get $magnitudes) ${sumOfMagnitudes(differences)}))
          (local.set $sum (f64x2.add (local.get $sum) (f64x2.add
            (f64x2.promote_low_f32x4 (local.get $magnitudes))
            (f64x2.promote_low_f32x4 (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
              (local.get $magnitudes) (local.get $magnitudes))))))
          (local.set $target (i32.add (local.get $target) (i32.shl (local.get $rows) (i32.const 2))))
          (local.set $fine (i32.add (local.get $fine) (i32.const ${wordBytes})))
          (local.set $base (i32.add (local.get $base) (i32.const ${wordBytes})))
          (br_if $nextWord (local.tee $wordsLeft (i32.sub (local.get $wordsLeft) (i32.const 1)))))
        (br_if $nextRow (i32.lt_u
          (local.tee $row (i32.add (local.get $row) (i32.const 1)))
          (local.get $rows))))
      (select
        (f64.const nan)
        (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum)))
        ${differences.hiddenFault}))`;
}

/** Sixteen bits, 1 where `$d0` … `$d3` are not negative. A comparison, for −0 must give 1. */
function signBits({ joinFlags }: Differences): string {
  const flags = [0, 1, 2, 3].map((vector) =>
    `(f32x4.ge (local.get $d${vector}) (local.get $zero))`
  );
  return `(i8x16.bitmask (i8x16.narrow_i16x8_s
            ${joinFlags(flags[0], flags[1])} ${joinFlags(flags[2], flags[3])}))`;
}

/** The magnitudes of `$d0` … `$d3` in four sums. */
function sumOfMagnitudes({ magnitude }: Differences): string {
  const [m0, m1, m2, m3] = [0, 1, 2, 3].map((vector) => magnitude(`(local.get $d${vector})`));
  return `(f32x4.add (f32x4.add ${m0} ${m1}) (f32x4.add ${m2} ${m3}))`;
}
