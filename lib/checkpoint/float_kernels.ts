/**
 * What is done to blocks of weights one by one, in WebAssembly SIMD: 16-bit floats widened, differences
 * rounded, signs formed, finiteness.
 *
 * Blocks lie in the memory of an instance: a few slots for what comes and goes, which stay in a processor's cache,
 * and beyond them what its owner keeps there. Not here: what blocks are made of (`float_blocks.ts`). The slow,
 * readable equals are in the tests.
 */

import { kernelTexts } from "./float_kernel_texts.ts";
import type { SparseKernels } from "./sparse_kernels.ts";
import type { IntegerKernels } from "./integer_kernel_texts.ts";
import { assembleModule } from "../util/wasm.ts";

/** Elements of a block, which a slot holds as float32. */
export const BLOCK = 2 ** 15;

/** Slots at the begin of the memory. */
const SLOTS = 4;

/** Bytes of a page of memory. */
const PAGE = 65536;

/** Address of what lies beyond the slots. */
export const BEYOND_SLOTS: number = SLOTS * 4 * BLOCK;

/**
 * An instance: functions on addresses in `memory` and on counts of elements. They work on vectors, and leave what
 * they please in the elements that fill up the last one: up to seven after a block.
 */
export interface FloatKernels extends SparseKernels, IntegerKernels {
  /** Slots, and what their owner keeps beyond them. */
  readonly memory: WebAssembly.Memory;
  /** Float32 from bfloat16, exactly; both may not overlap. */
  readonly widenBF16: (halves: number, floats: number, count: number) => void;
  /** As {@linkcode FloatKernels.widenBF16}, of float16. */
  readonly widenF16: (halves: number, floats: number, count: number) => void;
  /** Each float of the first less the second's, in the first's place. */
  readonly subtract: (first: number, second: number, count: number) => void;
  /** Each float of the first plus the second's, in the first's place. */
  readonly add: (first: number, second: number, count: number) => void;
  /** Floats rounded to bfloat16, ties to even, in place. */
  readonly roundBF16: (floats: number, count: number) => void;
  /** As {@linkcode FloatKernels.roundBF16}, to float16. */
  readonly roundF16: (floats: number, count: number) => void;
  /**
   * Bfloat16 from floats, rounded, ties to even: 1 where all are finite, else 0. Looks at whole vectors; both may
   * not overlap.
   */
  readonly narrowBF16: (floats: number, halves: number, count: number) => number;
  /** As {@linkcode FloatKernels.narrowBF16}, float16. */
  readonly narrowF16: (floats: number, halves: number, count: number) => number;
  /**
   * What is left of W − B once both are rounded to float32, which they are: adds Σ (W − B)², Σ (W − B)(Ŵ − B̂) and
   * how many Ŵ ≠ B̂ to three float64. Looks at whole vectors.
   *
   * @param floats address of W.
   * @param base address of B.
   */
  readonly keptF32: (floats: number, base: number, sums: number, count: number) => void;
  /** As {@linkcode FloatKernels.keptF32}, rounded to bfloat16. */
  readonly keptBF16: (floats: number, base: number, sums: number, count: number) => void;
  /** As {@linkcode FloatKernels.keptF32}, rounded to float16. */
  readonly keptF16: (floats: number, base: number, sums: number, count: number) => void;
  /** Adds Σ 4^⌊log₂|x|⌋ of floats to a float64; a zero and what is below 2⁻¹²⁶ counts as nothing. Looks at whole vectors. */
  readonly binades: (floats: number, sum: number, count: number) => void;
  /** −1 or +1 for each float; one that is neither negative nor positive gives `zero`. */
  readonly signOf: (floats: number, signs: number, zero: number, count: number) => void;
  /** 1 where all are finite, else 0; looks at whole vectors. */
  readonly allFinite: (floats: number, count: number) => number;
  /**
   * Adds to each float of a row ±scale, + where its bit is set, times its column's factor.
   *
   * @param words one of 32 bits for each 32 columns, `stride` bytes apart.
   * @param columns address of a float32 for each column; 0: no factors.
   * @param count of columns, a multiple of four.
   */
  readonly addSigns: (
    floats: number,
    words: number,
    stride: number,
    scale: number,
    columns: number,
    count: number,
  ) => void;
  /**
   * Adds to each float of a row scale, −scale or 0, as its bit is set in both words, in none or in one.
   *
   * @param first words of 32 bits for each 32 columns, `stride` bytes apart; `second` alike.
   * @param count of columns, a multiple of four.
   */
  readonly addTrits: (
    floats: number,
    first: number,
    second: number,
    stride: number,
    scale: number,
    count: number,
  ) => void;
  /**
   * Adds to each float of a row the product of a row `[rank]` with a matrix `[rank, count]`: products and their sum
   * in 32-bit floats, in the order of the rank, from 0.
   *
   * @param right address of the matrix, whose rows lie `stride` bytes apart.
   * @param rank at least 1.
   * @param count of columns, a multiple of 16 above 0.
   */
  readonly addProduct: (
    floats: number,
    left: number,
    right: number,
    rank: number,
    stride: number,
    count: number,
  ) => void;
  /**
   * Tabulates ±middle of 32 inner signs on a strip of 64 columns: of each four of them, what each of the sixteen
   * patterns of further signs makes of their sum, added in their order.
   *
   * @param tables address of 8 × 16 × 64 floats.
   * @param words 32 of the first 32 columns, one for each inner sign, and 32 of the next ones.
   * @param middle address of 32 floats.
   */
  readonly tabulateSigns: (tables: number, words: number, middle: number) => void;
  /**
   * Adds to each row of a strip, 64 floats wide, what was tabulated for its signs, four of them after another.
   *
   * @param words 32 of the first 32 rows, one for each inner sign, and so on.
   * @param rows at least one.
   */
  readonly addTabulated: (strip: number, words: number, tables: number, rows: number) => void;
  /** Adds `(value · scale) · column` to each float. */
  readonly addScaled: (
    floats: number,
    values: number,
    scale: number,
    columns: number,
    count: number,
  ) => void;
}

let assembled: Promise<WebAssembly.Module> | null = null;

/**
 * A new instance with a memory of its own; the module is assembled once. Slots are for one at a time: fill them,
 * run a function and read them without awaiting between.
 */
export async function floatKernels(): Promise<FloatKernels> {
  assembled ??= assembleModule("floats.wat", kernelTexts(BEYOND_SLOTS / PAGE));
  return new WebAssembly.Instance(await assembled).exports as unknown as FloatKernels;
}

/**
 * Makes the memory hold at least so many bytes beyond the slots; views of it are void where it has to grow.
 *
 * @returns false where no memory of WebAssembly is so large.
 */
export function growBeyondSlots({ memory }: FloatKernels, bytes: number): boolean {
  const missing = BEYOND_SLOTS + bytes - memory.buffer.byteLength;
  try {
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Address of the n-th block of float32. */
export function slot(index: number): number {
  return index * 4 * BLOCK;
}
