/**
 * Which elements of a delta are kept, found in WebAssembly on the memory of the float kernels: counts by magnitude,
 * elements above a magnitude, trits, changes between two weights, and positions as codecs store them. The slow,
 * readable equals are in the tests.
 */

import type { FloatKernels } from "../../checkpoint/float_kernels.ts";
import { assembleModule } from "../../util/wasm.ts";
import { ELEMENT_TEXTS } from "./element_kernel_texts.ts";

/** Functions on addresses in the float kernels' memory. A magnitude is the bits of |x|, which order as it does. */
export interface ElementKernels {
  /** Adds to a table of 2¹⁵ counts, of the upper half of magnitudes. */
  readonly countUpper: (floats: number, table: number, count: number) => void;
  /** Adds to a table of 2¹⁶ counts, of the lower half of the magnitudes whose upper half is given. */
  readonly countLower: (floats: number, table: number, count: number, upper: number) => void;
  /** Adds Σx and Σx² to two float64. */
  readonly moments: (floats: number, sums: number, count: number) => void;
  /**
   * Packs a row into two masks whose mean is −1, 0 or +1: 0 up to a magnitude. Bits that fill up the last word
   * are set.
   *
   * @param first words, `stride` bytes apart; `second` alike.
   * @param kept address of a whole number that is set to how many are not 0.
   * @returns the sum of these |x|.
   */
  readonly trits: (
    floats: number,
    first: number,
    second: number,
    stride: number,
    count: number,
    magnitude: number,
    kept: number,
  ) => number;
  /** Σ ±x of a row: + where the bit is set in words `stride` bytes apart. */
  readonly signedSum: (floats: number, words: number, stride: number, count: number) => number;
  /** Elements of a magnitude that {@linkcode ElementKernels.larger} still takes, the first ones first. */
  readonly ties: WebAssembly.Global;
  /** Σ|x| of the elements that {@linkcode ElementKernels.larger} took last. */
  readonly magnitudeSum: WebAssembly.Global;
  /**
   * Writes the positions of elements above a magnitude, and of some that have it, and sets the bits of those that are
   * not negative in `signs`, which is zero.
   *
   * @returns how many there are.
   */
  readonly larger: (
    floats: number,
    positions: number,
    signs: number,
    count: number,
    magnitude: number,
  ) => number;
  /**
   * Writes the positions of floats that differ in their bits, and the steps of `2^shift` between them, folded, byte by
   * byte into four planes `stride` bytes apart.
   *
   * @returns how many there are.
   */
  readonly changes: (
    fine: number,
    base: number,
    positions: number,
    planes: number,
    stride: number,
    count: number,
    shift: number,
  ) => number;
  /** Sets the bits of positions in a mask that is zero. */
  readonly setBits: (mask: number, positions: number, count: number) => void;
  /** Stores positions in two parts, which are zero before: see {@linkcode SparseKernels.positionsOfParts}. */
  readonly partsOfPositions: (
    positions: number,
    count: number,
    places: number,
    low: number,
    high: number,
  ) => void;
  /** Copies the floats at positions, each times a factor. */
  readonly gather: (
    floats: number,
    positions: number,
    count: number,
    factor: number,
    values: number,
  ) => void;
}

let assembled: Promise<WebAssembly.Module> | null = null;
const made = new WeakMap<FloatKernels, Promise<ElementKernels>>();

/** The functions on the memory of these kernels. */
export function elementKernels(kernels: FloatKernels): Promise<ElementKernels> {
  const known = made.get(kernels) ?? instantiate(kernels);
  made.set(kernels, known);
  return known;
}

async function instantiate({ memory }: FloatKernels): Promise<ElementKernels> {
  const code = await (assembled ??= assembleModule("elements.wat", ELEMENT_TEXTS));
  return new WebAssembly.Instance(code, { floats: { memory } })
    .exports as unknown as ElementKernels;
}
