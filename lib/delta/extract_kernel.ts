/**
 * The fast path from two weight matrices to packed signs and Σ|Δ|: one pass, in WebAssembly SIMD.
 *
 * The module is written here as text and assembled at first use. It sees one block of rows at a time, in
 * a memory of its own: `extract_layer.ts` feeds it. The slow, readable equal is in the tests.
 */

import wabt from "wabt";

/** Element types that the kernel reads. */
export type KernelType = "BF16" | "F32";

/** A compiled kernel with its memory. */
export interface ExtractKernel {
  readonly memory: WebAssembly.Memory;
  /**
   * Packs the signs of `fine − base`, each `[rows, 32 · wordsPerRow]` row-major, and sums the magnitudes.
   *
   * @param fine address of the fine-tune's block; `base` and `words` alike, all multiples of 16.
   * @param words where the packed signs go, `[wordsPerRow, rows]`.
   * @returns Σ|Δ| in float64; not finite if any difference is NaN or infinite.
   */
  readonly run: Readonly<Record<KernelType, KernelFunction>>;
}

type KernelFunction = (
  fine: number,
  base: number,
  words: number,
  rows: number,
  wordsPerRow: number,
) => number;

let compiled: Promise<ExtractKernel> | null = null;

/** The kernel, assembled once. It is not reentrant: fill its memory and run it without awaiting between. */
export function extractKernel(): Promise<ExtractKernel> {
  compiled ??= assemble();
  return compiled;
}

async function assemble(): Promise<ExtractKernel> {
  const text = `(module
    (memory (export "memory") 1)
    ${kernelFunction("BF16", 2, bfloat16Differences)}
    ${kernelFunction("F32", 4, float32Differences)})`;
  const module = (await wabt()).parseWat("extract.wat", text, { simd: true });
  try {
    const bytes = new Uint8Array(module.toBinary({}).buffer);
    const { instance } = await WebAssembly.instantiate(bytes);
    const { memory, BF16, F32 } = instance.exports as Record<string, unknown>;
    return {
      memory: memory as WebAssembly.Memory,
      run: { BF16: BF16 as KernelFunction, F32: F32 as KernelFunction },
    };
  } finally {
    module.destroy();
  }
}

/**
 * One function a type: for each row, for each word, eight vectors of four differences. The words of a
 * row are stored a column apart, so the block comes out transposed.
 */
function kernelFunction(
  type: KernelType,
  elementSize: number,
  differences: (vector: number) => string,
): string {
  const steps = Array.from({ length: 8 }, (_, vector) => `
          ${differences(vector)}
          (local.set $bits (i32.or (local.get $bits) (i32.shl
            (i32x4.bitmask (f32x4.ge (local.get $delta) (v128.const f32x4 0 0 0 0)))
            (i32.const ${4 * vector}))))
          ${addMagnitudes(vector % 2 ? "$sumOdd" : "$sumEven")}`);
  return `
    (func (export "${type}")
      (param $fine i32) (param $base i32) (param $words i32) (param $rows i32) (param $wordsPerRow i32)
      (result f64)
      (local $row i32) (local $wordsLeft i32) (local $target i32) (local $bits i32)
      (local $delta v128) (local $sumEven v128) (local $sumOdd v128) (local $fineHalves v128) (local $baseHalves v128)
      (loop $nextRow
        (local.set $target (i32.add (local.get $words) (i32.shl (local.get $row) (i32.const 2))))
        (local.set $wordsLeft (local.get $wordsPerRow))
        (loop $nextWord
          (local.set $bits (i32.const 0))${steps.join("")}
          (i32.store (local.get $target) (local.get $bits))
          (local.set $target (i32.add (local.get $target) (i32.shl (local.get $rows) (i32.const 2))))
          (local.set $fine (i32.add (local.get $fine) (i32.const ${32 * elementSize})))
          (local.set $base (i32.add (local.get $base) (i32.const ${32 * elementSize})))
          (br_if $nextWord (local.tee $wordsLeft (i32.sub (local.get $wordsLeft) (i32.const 1)))))
        (br_if $nextRow (i32.lt_u
          (local.tee $row (i32.add (local.get $row) (i32.const 1)))
          (local.get $rows))))
      (local.set $sumEven (f64x2.add (local.get $sumEven) (local.get $sumOdd)))
      (f64.add (f64x2.extract_lane 0 (local.get $sumEven)) (f64x2.extract_lane 1 (local.get $sumEven))))`;
}

function float32Differences(vector: number): string {
  const load = (address: string) => `(v128.load offset=${16 * vector} (local.get ${address}))`;
  return `(local.set $delta (f32x4.sub ${load("$fine")} ${load("$base")}))`;
}

/**
 * Widens eight bfloat16 at a time (a bfloat16 is the upper half of a float32), subtracts in float32 and
 * rounds to bfloat16, ties to even, as `tensor.ts` does. A NaN stays one: it has no bits in the lower
 * half that could carry.
 */
function bfloat16Differences(vector: number): string {
  const load = vector % 2 ? "" : `
          (local.set $fineHalves (v128.load offset=${8 * vector} (local.get $fine)))
          (local.set $baseHalves (v128.load offset=${8 * vector} (local.get $base)))`;
  const half = vector % 2 ? "high" : "low";
  const widen = (halves: string) =>
    `(i32x4.shl (i32x4.extend_${half}_i16x8_u (local.get ${halves})) (i32.const 16))`;
  return `${load}
          (local.set $delta (f32x4.sub ${widen("$fineHalves")} ${widen("$baseHalves")}))
          (local.set $delta (v128.and
            (i32x4.add (local.get $delta) (i32x4.add
              (v128.const i32x4 0x7fff 0x7fff 0x7fff 0x7fff)
              (v128.and (i32x4.shr_u (local.get $delta) (i32.const 16)) (v128.const i32x4 1 1 1 1))))
            (v128.const i32x4 0xffff0000 0xffff0000 0xffff0000 0xffff0000)))`;
}

/** Adds four magnitudes to two float64 sums; two chains of sums keep the adder busy. */
function addMagnitudes(sum: string): string {
  return `(local.set $delta (f32x4.abs (local.get $delta)))
          (local.set ${sum} (f64x2.add (local.get ${sum}) (f64x2.add
            (f64x2.promote_low_f32x4 (local.get $delta))
            (f64x2.promote_low_f32x4
              (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $delta) (local.get $delta))))))`;
}
