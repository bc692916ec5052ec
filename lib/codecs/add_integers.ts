/**
 * Whole numbers of a few bits added to weights in WebAssembly: the fast path of the codec `integers`, whose `decode`
 * says what is added. Blocks of rows of packed words go through a slot of the kernels' memory.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { wordsPerRow } from "./signs.ts";

/**
 * Slots of one row of weights, or of one in the order of places and one in its own; of packed words; of scales and
 * zero points, which are half as many; and of places.
 */
const [ROW, WORDS, SCALES, PLACES] = [0, 1, 2, 3];
const HALF = BLOCK / 2;

/** The widest row that is put in order in a slot; wider ones are decoded. */
export const WIDEST_ORDERED = HALF;

/** Packed numbers with all that says what they stand for. */
export interface Integers {
  readonly bits: number;
  readonly group: number;
  /** `[bits · ⌈in / 32⌉, out]`, as the codec has it. */
  readonly planes: Int32Array;
  /** `[⌈in / group⌉, out]` */
  readonly scale: Float32Array;
  /** `[⌈in / group⌉ · bits, ⌈out / 32⌉]`, as the codec has it. */
  readonly zero: Int32Array;
  /** `[in]`; `null`: columns in their own order. */
  readonly place: Int32Array | null;
}

/**
 * Adds scale · (q − zero) to each element of `sum`, `[out, in]`, in 32-bit floats. Rows that have an order are no
 * wider than {@linkcode WIDEST_ORDERED}.
 */
export function addIntegers(
  kernels: FloatKernels,
  sum: Float32Array,
  integers: Integers,
  [outSize, inSize]: LinearShape,
): void {
  const { bits, group, planes, scale, place } = integers;
  const zeros = zeroPoints(integers, outSize);
  if (place) new Int32Array(kernels.memory.buffer, slot(PLACES), inSize).set(place);
  for (let begin = 0; begin < inSize; begin += BLOCK) {
    const end = Math.min(begin + BLOCK, inSize);
    const [firstWord, lastWord] = [begin / 32, Math.ceil(end / 32)];
    const words = lastWord - firstWord;
    const most = Math.min(outSize, Math.floor(BLOCK / (words * bits)));
    const [firstGroup, lastGroup] = [begin / group, Math.ceil(end / group)];
    const width = Math.ceil((end - begin) / 4) * 4;
    for (let first = 0; first < outSize; first += most) {
      const rows = Math.min(most, outSize - first);
      const copy = (from: Int32Array | Float32Array, line: number, to: number) => {
        const { buffer } = kernels.memory;
        const target = from instanceof Int32Array
          ? new Int32Array(buffer, to, rows)
          : new Float32Array(buffer, to, rows);
        target.set(from.subarray(line * outSize + first, line * outSize + first + rows));
      };
      for (let plane = 0; plane < bits; plane++) {
        for (let word = 0; word < words; word++) {
          const line = plane * wordsPerRow(inSize) + firstWord + word;
          copy(planes, line, slot(WORDS) + 4 * (plane * words + word) * rows);
        }
      }
      for (let at = firstGroup; at < lastGroup; at++) {
        copy(scale, at, slot(SCALES) + 4 * (at - firstGroup) * rows);
        copy(zeros, at, slot(SCALES) + 4 * (HALF + (at - firstGroup) * rows));
      }
      for (let row = 0; row < rows; row++) {
        const start = (first + row) * inSize;
        const add = (address: number) =>
          kernels.addIntegers(
            address,
            slot(WORDS) + 4 * row,
            4 * rows,
            4 * words * rows,
            bits,
            slot(SCALES) + 4 * row,
            slot(SCALES) + 4 * (HALF + row),
            group / 4,
            width,
          );
        const values = sum.subarray(start + begin, start + end);
        if (place) addOrderedRow(kernels, values, add);
        else addRow(kernels, values, add);
      }
    }
  }
}

/** Adds to numbers in the kernels' memory, or to a copy of them there. */
function addRow(
  { memory }: FloatKernels,
  values: Float32Array,
  add: (address: number) => void,
): void {
  if (values.buffer === memory.buffer && values.length % 4 === 0) return add(values.byteOffset);
  const ofRow = new Float32Array(memory.buffer, slot(ROW), values.length);
  ofRow.set(values);
  add(slot(ROW));
  values.set(ofRow);
}

/** Adds a row that is formed in the order of places. */
function addOrderedRow(
  kernels: FloatKernels,
  values: Float32Array,
  add: (address: number) => void,
): void {
  const { memory: { buffer }, addPlaced } = kernels;
  // What is added to −0 is itself, zeros of either sign included.
  new Float32Array(buffer, slot(ROW), values.length).fill(-0);
  add(slot(ROW));
  const own = slot(ROW) + 4 * HALF;
  const inPlace = values.buffer === buffer;
  const ofRow = new Float32Array(buffer, own, values.length);
  if (!inPlace) ofRow.set(values);
  addPlaced(inPlace ? values.byteOffset : own, slot(ROW), slot(PLACES), values.length);
  if (!inPlace) values.set(ofRow);
}

/** `[⌈in / group⌉, out]`, unpacked. */
function zeroPoints({ bits, scale, zero }: Integers, outSize: number): Float32Array {
  const zeroWords = wordsPerRow(outSize);
  return scale.map((_, at) => {
    const [group, o] = [Math.floor(at / outSize), at % outSize];
    let value = 0;
    for (let bit = 0; bit < bits; bit++) {
      value |= (zero[(group * bits + bit) * zeroWords + (o >>> 5)] >>> (o & 31) & 1) << bit;
    }
    return value;
  });
}
