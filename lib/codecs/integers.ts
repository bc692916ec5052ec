/**
 * The codec `integers`: whole numbers of 2 to 8 bits, with a scale and a zero point for each group of columns.
 *
 * `M[o, i] = scale[g, o] · (q[o, j] − zero[g, o])` with g = ⌊j / group⌋ and j the place of column i: i itself, or
 * where `place` says, so that columns that were rounded one after another in another order ("act-order") share
 * groups with their neighbours there. Numbers lie in planes, a plane a bit, so that each width takes its bits and
 * no more: bits + (16 + bits) / group a weight where 32 divides the shape. Source of the form: Frantar et al.,
 * "GPTQ", section 4. Not here: how numbers are found (`round_integers.ts`, and methods).
 */

import { addValues } from "../checkpoint/float_blocks.ts";
import { int32Tensor, type RawTensor, toFloat32, toInt32 } from "../checkpoint/tensor.ts";
import { integerMatrix } from "../graph/ops/integers.ts";
import { gatherRows, matmul } from "../graph/ops/matrix.ts";
import { DeltaError } from "../util/errors.ts";
import { addIntegers, WIDEST_ORDERED } from "./add_integers.ts";
import type { Codec, Form, Parts, Term } from "./codec.ts";
import { wordsPerRow } from "./signs.ts";

/** How whole numbers are stored, as the codec's form has it. */
export type IntegerForm = {
  /** Of each number, 2 to 8. */
  readonly bits: number;
  /** Columns of one scale: a power of two from 32 to 1024. */
  readonly group: number;
  /** Of a scale: F16 is finer, BF16 reaches the smallest deltas. */
  readonly type: "F16" | "BF16";
  /** Whether columns have an order of their own. */
  readonly ordered: boolean;
};

/** Whole numbers of a few bits. Its form: {@linkcode IntegerForm}. */
export const integers: Codec = {
  name: "integers",
  module: import.meta.url,
  trainable: [],
  layout([outSize, inSize], form) {
    const { bits, group, type: dtype, ordered } = read(form);
    const groups = Math.ceil(inSize / group);
    return {
      planes: { dtype: "I32", shape: [bits * wordsPerRow(inSize), outSize] },
      scale: { dtype, shape: [groups, outSize] },
      zero: { dtype: "I32", shape: [groups * bits, wordsPerRow(outSize)] },
      ...(ordered ? { place: { dtype: "I32", shape: [inSize] } as const } : {}),
    };
  },
  product(x, part, [, inSize], form) {
    const { bits, group, ordered } = read(form);
    const packing = { bits, group, rows: inSize };
    const matrix = integerMatrix(part("planes"), part("scale"), part("zero"), packing);
    return matmul(x, ordered ? gatherRows(matrix, part("place")) : matrix);
  },
  decode(parts, [outSize, inSize], form) {
    const { bits, group } = read(form);
    const { planes, scale, zero, place } = numbersOf(parts, form);
    const [words, zeroWords] = [wordsPerRow(inSize), wordsPerRow(outSize)];
    const values = new Float32Array(outSize * inSize);
    for (let o = 0, at = 0; o < outSize; o++) {
      for (let i = 0; i < inSize; i++, at++) {
        const j = place?.[i] ?? i;
        const g = Math.floor(j / group);
        let [q, z] = [0, 0];
        for (let bit = 0; bit < bits; bit++) {
          q |= (planes[(bit * words + (j >>> 5)) * outSize + o] >>> (j & 31) & 1) << bit;
          z |= (zero[(g * bits + bit) * zeroWords + (o >>> 5)] >>> (o & 31) & 1) << bit;
        }
        values[at] = scale[g * outSize + o] * (q - z);
      }
    }
    return values;
  },
  add(kernels, sum, parts, shape, form) {
    const numbers = numbersOf(parts, form);
    if (numbers.place && shape[1] > WIDEST_ORDERED) {
      return addValues(kernels, sum, integers.decode(parts, shape, form));
    }
    addIntegers(kernels, sum, { ...read(form), ...numbers }, shape);
  },
};

/** How a term of this codec is stored. */
export function integersForm(
  { ordered = false, ...form }: Omit<IntegerForm, "ordered"> & Partial<IntegerForm>,
): Omit<Term, "parts"> {
  return { codec: integers.name, form: { ...form, ordered } };
}

/** The numbers of a term. */
export interface PackedNumbers {
  /** `[bits · ⌈in / 32⌉, out]`: bit k of word (b, w, o) is bit b of q[o, 32w + k]. */
  readonly planes: Int32Array;
  /** `[⌈in / group⌉, out]`, of the form's type. */
  readonly scale: RawTensor;
  /** `[⌈in / group⌉ · bits, ⌈out / 32⌉]`: bit k of word (g, b, v) is bit b of zero[g, 32v + k]. */
  readonly zero: Int32Array;
  /** `[in]`: the place of each column, each place once; for an ordered form. */
  readonly place?: Int32Array;
}

/** Packed numbers as a term of this codec. */
export function integersTerm(
  { planes, scale, zero, place }: PackedNumbers,
  form: IntegerForm,
): Term {
  const { bits } = form;
  const [groups, outSize] = scale.shape;
  return {
    ...integersForm(form),
    parts: {
      planes: int32Tensor(planes, [planes.length / outSize, outSize]),
      scale,
      zero: int32Tensor(zero, [groups * bits, wordsPerRow(outSize)]),
      ...(place ? { place: int32Tensor(place, [place.length]) } : {}),
    },
  };
}

/** @throws {DeltaError} if the places are not each of the columns once. */
function numbersOf({ planes, scale, zero, place: placed }: Parts, form: Form) {
  const place = read(form).ordered ? toInt32(placed) : null;
  if (place) checkPlaces(place);
  return { planes: toInt32(planes), scale: toFloat32(scale), zero: toInt32(zero), place };
}

function checkPlaces(place: Int32Array): void {
  const seen = new Uint8Array(place.length);
  const wrong = place.findIndex((each) => each < 0 || each >= seen.length || seen[each]++ > 0);
  if (wrong < 0) return;
  throw new DeltaError({
    problem: "is no order of columns",
    option: "place",
    value: `${place[wrong]} as element ${wrong}`,
    expected: `each number below ${place.length} once`,
  });
}

/** @throws {DeltaError} if a form is none of this codec's. */
function read({ bits, group, type, ordered, ...others }: Form): IntegerForm {
  const fits = isWithin(bits, 2, 8) && isWithin(group, 32, 1024) && Math.log2(group) % 1 === 0 &&
    (type === "F16" || type === "BF16") && typeof ordered === "boolean";
  if (fits && Object.keys(others).length === 0) return { bits, group, type, ordered };
  throw new DeltaError({
    problem: `is no form of the codec '${integers.name}'`,
    option: "form",
    value: { bits, group, type, ordered, ...others },
    expected:
      "{ bits, group, type, ordered }: 2 to 8 bits, groups of a power of two from 32 to 1024, " +
      "F16 or BF16, and true or false",
  });
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}
