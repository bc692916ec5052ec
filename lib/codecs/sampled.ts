/**
 * The codec `sampled`: the values of a few elements of each row, as many of each, whose positions a seed says, so
 * that they take no bytes. What DARE (Yu et al. 2023, section 3.1) keeps of a delta; there each element is
 * dropped by a coin of its own, here so many of a row are kept, each as likely as any other.
 */

import { BLOCK, type FloatKernels, slot } from "../checkpoint/float_kernels.ts";
import { load } from "../checkpoint/float_blocks.ts";
import { type FloatType, toFloat32 } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { DeltaError } from "../util/errors.ts";
import type { Codec, Form } from "./codec.ts";

/** Slots of a stretch of a row, of the positions in it and of their values. */
const [ROW, POSITIONS, VALUES] = [0, 1, 2];

/** Types that values are stored in. */
const TYPES: readonly FloatType[] = ["F16", "BF16", "F32"];

/** Values at random positions. Its form: `{ kept, seed, type }`: how many of a row, and of which type. */
export const sampled: Codec = {
  name: "sampled",
  module: import.meta.url,
  trainable: ["values"],
  layout(shape, form) {
    const { kept, type: dtype } = read(shape, form);
    return { values: { dtype, shape: [shape[0], kept] } };
  },
  decode(parts, [outSize, inSize], form) {
    const { kept, seed } = read([outSize, inSize], form);
    const values = toFloat32(parts.values);
    const matrix = new Float32Array(outSize * inSize);
    for (let row = 0, at = 0; row < outSize; row++) {
      for (const { begin, length, count } of stretches(inSize, kept)) {
        for (const position of plainSample(seedOf(seed, row, begin), count, length)) {
          matrix[row * inSize + begin + position] = values[at++];
        }
      }
    }
    return matrix;
  },
  add(kernels, sum, parts, shape, form) {
    const [, inSize] = shape;
    const { memory } = kernels;
    const inPlace = sum.buffer === memory.buffer;
    eachSampled(kernels, shape, form, (row, { begin, length, count }, first) => {
      const start = row * inSize + begin;
      const numbers = sum.subarray(start, start + length);
      const ours = new Float32Array(memory.buffer, slot(ROW), length);
      load(kernels, parts.values, first, count, slot(VALUES));
      if (!inPlace) ours.set(numbers);
      const address = inPlace ? numbers.byteOffset : slot(ROW);
      kernels.addAt(address, slot(POSITIONS), count, slot(VALUES));
      if (!inPlace) numbers.set(ours);
    });
  },
};

/** What is sampled of a row at once. */
export interface Stretch {
  /** Its first column. */
  readonly begin: number;
  /** Its columns. */
  readonly length: number;
  /** How many of them are kept. */
  readonly count: number;
}

/** A row in stretches that a slot holds, as a rule one. */
function stretches(inSize: number, kept: number): Stretch[] {
  return Array.from({ length: Math.ceil(inSize / BLOCK) }, (_, index) => {
    const begin = index * BLOCK;
    const length = Math.min(BLOCK, inSize - begin);
    const before = Math.floor(kept * begin / inSize);
    return { begin, length, count: Math.floor(kept * (begin + length) / inSize) - before };
  });
}

/**
 * Visits each stretch of each row, its positions in slot 1.
 *
 * @param visit is told the place of its first value among all.
 */
export function eachSampled(
  kernels: FloatKernels,
  [outSize, inSize]: LinearShape,
  form: Form,
  visit: (row: number, stretch: Stretch, first: number) => void,
): void {
  const { kept, seed } = read([outSize, inSize], form);
  const all = stretches(inSize, kept);
  let first = 0;
  for (let row = 0; row < outSize; row++) {
    for (const stretch of all) {
      const { begin, length, count } = stretch;
      kernels.sample(seedOf(seed, row, begin), slot(POSITIONS), count, length);
      visit(row, stretch, first);
      first += count;
    }
  }
}

/** Of one stretch: neighbouring rows begin far apart in the sequence. */
function seedOf(seed: number, row: number, begin: number): number {
  return mixed(mixed(seed) ^ Math.imul(row + 1, 0x27d4eb2f) ^ begin);
}

/** Selection sampling, number by number: the readable equal of {@linkcode SparseKernels.sample}. */
function plainSample(seed: number, kept: number, count: number): number[] {
  const positions: number[] = [];
  let state = seed;
  for (let at = 0; positions.length < kept; at++) {
    state = state + 0x9e3779b9 | 0;
    const left = BigInt(mixed(state) >>> 0) * BigInt(count - at) >> 32n;
    if (left < BigInt(kept - positions.length)) positions.push(at);
  }
  return positions;
}

/** A bijection of 32-bit whole numbers: the last step of MurmurHash3 (Appleby). */
function mixed(number: number): number {
  const once = Math.imul(number ^ number >>> 16, 0x85ebca6b);
  const twice = Math.imul(once ^ once >>> 13, 0xc2b2ae35);
  return twice ^ twice >>> 16;
}

/** @throws {DeltaError} if a form is none of this codec's. */
function read([, inSize]: LinearShape, form: Form) {
  const { kept, seed, type: named, ...others } = form;
  const type = TYPES.find((each) => each === named);
  const isWhole = (value: unknown): value is number =>
    typeof value === "number" && Number.isInteger(value) && value >= 0;
  const fits = type && isWhole(kept) && kept <= inSize && isWhole(seed) && seed < 2 ** 32;
  if (fits && Object.keys(others).length === 0) return { kept, seed, type };
  throw new DeltaError({
    problem: `is no form of the codec '${sampled.name}'`,
    option: "form",
    value: form,
    expected: `{ kept, seed, type }, kept to ${inSize}, a seed below 2³², one of ${
      TYPES.join(", ")
    }`,
  });
}
