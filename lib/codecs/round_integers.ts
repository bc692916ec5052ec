/**
 * Weights, or their difference from a base's, rounded to whole numbers of a few bits: to nearest in each group of
 * columns by itself ("RTN"), in WebAssembly and off this thread.
 */

import { widenInto } from "../checkpoint/float_blocks.ts";
import {
  BEYOND_SLOTS,
  BLOCK,
  type FloatKernels,
  growBeyondSlots,
  slot,
} from "../checkpoint/float_kernels.ts";
import { jobKernels } from "../checkpoint/rounded_tensor.ts";
import { isInline } from "../checkpoint/scan_job.ts";
import { fromFloat32, type RawTensor } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import type { Job } from "../util/job.ts";
import { runJob } from "../util/worker_pool.ts";
import type { Term } from "./codec.ts";
import { type IntegerForm, integersTerm, type PackedNumbers } from "./integers.ts";
import { wordsPerRow } from "./signs.ts";

/** What is rounded. */
export interface RoundingOrder {
  /** `[out, in]`. */
  readonly weights: RawTensor;
  /** Is taken off the weights first, in 32-bit floats; `null`: nothing is. */
  readonly base: RawTensor | null;
  readonly form: IntegerForm;
}

/** The job; {@linkcode roundToIntegers} runs it. */
export const roundIntegersJob: Job<[order: RoundingOrder], PackedNumbers> = {
  module: import.meta.url,
  name: "roundIntegersJob",
  run: async (order) => roundRows(await jobKernels(), order),
  moved: ({ planes, scale, zero }) =>
    [planes, scale.bytes, zero].map(({ buffer }) => buffer as ArrayBuffer),
};

/**
 * A matrix as a term of the codec `integers`, each number the nearest one: scale = (high − low) / (2ᵇⁱᵗˢ − 1) of each
 * group, zero included in its range, and rounded to the form's type before the numbers are found.
 *
 * @param weights `[out, in]`; of these `base` is taken off first, in 32-bit floats, unless it is `null`.
 * @param form of no order: each column is rounded by itself.
 *
 * @example
 * ```ts
 * import { findCodec, float32Tensor, roundToIntegers } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const weights = float32Tensor(Float32Array.of(-1, 0.1, 1.1, 2), [1, 4]);
 * const term = await roundToIntegers(weights, null, { bits: 2, group: 32, type: "F16" });
 * const { decode } = findCodec(term.codec);
 * assert.deepEqual(decode(term.parts, [1, 4], term.form), Float32Array.of(-1, 0, 1, 2));
 * ```
 */
export async function roundToIntegers(
  weights: RawTensor,
  base: RawTensor | null,
  form: Omit<IntegerForm, "ordered">,
  signal?: AbortSignal,
): Promise<Term> {
  const order = { weights, base, form: { ...form, ordered: false } };
  const inline = isInline(weights.bytes) || base !== null && isInline(base.bytes);
  const packed = await runJob(roundIntegersJob, [order], { inline, signal });
  return integersTerm(packed, order.form);
}

function roundRows(kernels: FloatKernels, { weights, base, form }: RoundingOrder): PackedNumbers {
  const [outSize, inSize] = weights.shape as LinearShape;
  const { bits, group } = form;
  const [words, zeroWords] = [wordsPerRow(inSize), wordsPerRow(outSize)];
  const groups = Math.ceil(inSize / group);
  const planes = new Int32Array(bits * words * outSize);
  const scale = new Float32Array(groups * outSize);
  const zero = new Int32Array(groups * bits * zeroWords);
  for (let begin = 0; begin < inSize; begin += BLOCK) {
    const columns = Math.min(BLOCK, inSize - begin);
    const stripe = new Stripe(kernels, form, columns, outSize);
    for (let first = 0; first < outSize; first += stripe.rows) {
      const rows = Math.min(stripe.rows, outSize - first);
      for (let row = 0; row < rows; row++) {
        const o = first + row;
        stripe.load({ weights, base }, o * inSize + begin);
        stripe.pack(row, (at, scaleOf, zeroOf) => {
          const g = begin / group + at;
          scale[g * outSize + o] = scaleOf;
          for (let bit = 0; bit < bits; bit++) {
            const isSet = zeroOf >>> bit & 1;
            zero[(g * bits + bit) * zeroWords + (o >>> 5)] |= isSet << (o & 31);
          }
        });
      }
      stripe.take(
        planes,
        rows,
        (plane, word) => (plane * words + begin / 32 + word) * outSize + first,
      );
    }
  }
  const { type: dtype } = form;
  return {
    planes,
    scale: { dtype, shape: [groups, outSize], bytes: fromFloat32(scale, dtype) },
    zero,
  };
}

/**
 * Columns of some rows, as many as a slot holds: a row of floats in the first slot, another in the second, and
 * beyond the slots the packed words of the rows, and the ranges, then zero points and scales, of their groups.
 */
class Stripe {
  readonly rows: number;
  readonly #words: number;
  readonly #groups: number;
  readonly #packed = BEYOND_SLOTS;
  readonly #ranges: number;

  constructor(
    readonly kernels: FloatKernels,
    readonly form: IntegerForm,
    readonly columns: number,
    outSize: number,
  ) {
    this.#words = wordsPerRow(columns);
    this.#groups = Math.ceil(columns / form.group);
    const ofRow = this.#words * form.bits;
    this.rows = Math.min(outSize, Math.max(1, Math.floor(BLOCK / ofRow)));
    const room = 4 * this.rows * (ofRow + 2 * this.#groups);
    if (!growBeyondSlots(kernels, room)) throw new RangeError(`no room for ${room} bytes`);
    this.#ranges = BEYOND_SLOTS + 4 * this.rows * ofRow;
  }

  /** Puts the part of a row that begins at an element in the first slot, filled up with zeros to whole words. */
  load({ weights, base }: Omit<RoundingOrder, "form">, from: number): void {
    const { kernels, columns } = this;
    const row = new Float32Array(kernels.memory.buffer, slot(0), BLOCK);
    widenInto(kernels, weights, row.subarray(0, columns), from);
    if (base) {
      const other = new Float32Array(kernels.memory.buffer, slot(1), columns);
      widenInto(kernels, base, other, from);
      kernels.subtract(slot(0), slot(1), columns);
    }
    row.fill(0, columns, 32 * this.#words);
  }

  /** Packs what was loaded as one of the rows, and tells each group's scale and zero point. */
  pack(row: number, tell: (group: number, scale: number, zero: number) => void): void {
    const { kernels, rows, form: { bits, group, type } } = this;
    const groups = this.#groups;
    const [stride, width] = [4 * rows, 32 * this.#words];
    const [lows, highs] = [this.#ranges + 4 * row, this.#ranges + 4 * (groups * rows + row)];
    kernels.groupRanges(slot(0), lows, highs, stride, group / 4, width);
    const { buffer } = kernels.memory;
    const ranges = new Float32Array(buffer, this.#ranges, 2 * groups * rows);
    const scales = new Float32Array(buffer, slot(1), groups);
    const most = 2 ** bits - 1;
    for (let at = 0; at < groups; at++) {
      const low = at * rows + row;
      scales[at] = (ranges[groups * rows + low] - ranges[low]) / most;
    }
    kernels[type === "F16" ? "roundF16" : "roundBF16"](slot(1), groups);
    for (let at = 0; at < groups; at++) {
      const low = at * rows + row;
      const scale = scales[at];
      const zero = scale === 0 ? 0 : Math.min(most, Math.round(-ranges[low] / scale));
      ranges[low] = zero;
      ranges[groups * rows + low] = scale;
      tell(at, scale, zero);
    }
    const words = this.#packed + 4 * row;
    const plane = stride * this.#words;
    kernels.packIntegers(slot(0), words, stride, plane, bits, highs, lows, group / 4, width);
  }

  /** Copies the packed words of some of the rows. */
  take(planes: Int32Array, rows: number, lineOf: (plane: number, word: number) => number): void {
    const { bits } = this.form;
    for (let plane = 0; plane < bits; plane++) {
      for (let word = 0; word < this.#words; word++) {
        const from = this.#packed + 4 * (plane * this.#words + word) * this.rows;
        const packed = new Int32Array(this.kernels.memory.buffer, from, rows);
        planes.set(packed, lineOf(plane, word));
      }
    }
  }
}
