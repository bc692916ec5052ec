/**
 * The codec `signs`: one bit a weight, and a few scales.
 *
 * `M[o, i] = row[o] · column[i] · S[o, i]` with S = ±1, packed `[ceil(in / 32), out]`: bit k of word (w, o)
 * stands for element (o, 32w + k), 1 for non-negative; the layout of the study's own `pack`, which the
 * masks of any of its files have. Widths that 32 does not divide, which the study refuses, are filled up
 * with ones. A mask is data: nothing here assumes that it is sign(Δ). Not here: the fast path from weights
 * to bits (`delta/extraction_module.ts`).
 */

import {
  float32Tensor,
  fromFloat32,
  int32Tensor,
  type RawTensor,
  type TensorInfo,
  toFloat32,
  toInt32,
} from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { multiply } from "../graph/ops/elementwise.ts";
import { signMatmul } from "../graph/ops/signs.ts";
import { DeltaError } from "../util/errors.ts";
import { addSigns, type ScaledSigns } from "./add_signs.ts";
import type { Codec, Form, Parts, Term } from "./codec.ts";

/**
 * Which scales a mask has: one of all its elements (part `coeff`, `[]`, the study's), one of each row
 * (`row`, `[out]`), one of each column (`column`, `[in]`), or a row's times a column's.
 */
const SCALES: Readonly<Record<string, readonly string[]>> = {
  scalar: ["coeff"],
  row: ["row"],
  column: ["column"],
  "row and column": ["row", "column"],
};

/** Types that scales are stored in. */
export type ScaleType = "F32" | "F16";

/**
 * One bit a weight. Its form: `{ scale }`, one of scalar, row, column, and row and column, and `type: "F16"` where
 * scales are 16-bit floats in the place of 32-bit ones.
 */
export const signs: Codec = {
  name: "signs",
  module: import.meta.url,
  trainable: ["coeff", "row", "column"],
  layout([outSize, inSize], form) {
    const shapes: Record<string, number[]> = { coeff: [], row: [outSize], column: [inSize] };
    const layout: Record<string, TensorInfo> = {
      mask: { dtype: "I32", shape: [wordsPerRow(inSize), outSize] },
    };
    const dtype = typeOf(form);
    for (const part of scalesOf(form)) layout[part] = { dtype, shape: shapes[part] };
    return layout;
  },
  product(x, part, _shape, form) {
    const scales = scalesOf(form);
    const scaled = scales.includes("column") ? multiply(x, part("column")) : x;
    const signed = signMatmul(scaled, part("mask"));
    const ofRows = scales.find((each) => each !== "column");
    return ofRows === undefined ? signed : multiply(signed, part(ofRows));
  },
  decode(parts, [outSize, inSize], form) {
    const { mask, row, column } = scaledParts(parts, form);
    const values = scaledSigns(mask, [outSize, inSize], row);
    if (!column) return values;
    for (let o = 0, at = 0; o < outSize; o++) {
      for (let i = 0; i < inSize; i++) values[at++] *= column[i];
    }
    return values;
  },
  add: (kernels, sum, parts, shape, form) =>
    addSigns(kernels, sum, scaledParts(parts, form), shape),
};

/** A term of one scale, the study's. */
export const scalarSigns: Omit<Term, "parts"> = { codec: signs.name, form: { scale: "scalar" } };

/** The scales of a mask. */
export type Scales =
  | { readonly coeff: number }
  | { readonly row: Float32Array }
  | { readonly column: Float32Array }
  | { readonly row: Float32Array; readonly column: Float32Array };

/**
 * A mask with its scales as a term of this codec.
 *
 * @param mask `[ceil(in / 32), out]`, as {@linkcode packSigns} gives it.
 * @param type that the scales are rounded to: 16-bit floats hold numbers from 2⁻¹⁴ to 65504 to 11 bits, and smaller
 * ones to fewer. Default: 32-bit floats.
 *
 * @example
 * ```ts
 * import { findCodec, packSigns, signsTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [1, 2];
 * const term = signsTerm(packSigns(Float32Array.of(3, -2), shape), shape, { coeff: 0.5 });
 * assert.deepEqual(findCodec(term.codec).decode(term.parts, shape, term.form), Float32Array.of(0.5, -0.5));
 * ```
 */
export function signsTerm(
  mask: Int32Array,
  [outSize, inSize]: LinearShape,
  scales: Scales,
  type: ScaleType = "F32",
): Term {
  const vectors: Readonly<Record<string, Float32Array | number>> = { ...scales };
  const stored = (values: Float32Array, shape: readonly number[]): RawTensor =>
    type === "F32"
      ? float32Tensor(values, shape)
      : { dtype: type, shape, bytes: fromFloat32(values, type) };
  const parts = Object.fromEntries(
    Object.entries(vectors).map(([name, values]) => [
      name,
      typeof values === "number"
        ? stored(Float32Array.of(values), [])
        : stored(values, [values.length]),
    ]),
  );
  const names = Object.keys(parts);
  const scale = Object.keys(SCALES).find((each) =>
    SCALES[each].length === names.length && SCALES[each].every((name) => name in parts)
  )!;
  const words = int32Tensor(mask, [wordsPerRow(inSize), outSize]);
  return { codec: signs.name, form: signsForm(scale, type), parts: { mask: words, ...parts } };
}

/** The form of a mask whose scales are of a type. */
export function signsForm(scale: string, type: ScaleType = "F32"): Form {
  return type === "F32" ? { scale } : { scale, type };
}

function scaledParts(parts: Parts, form: Form): ScaledSigns {
  const scales = scalesOf(form);
  const [coeff, row, column] = ["coeff", "row", "column"].map((name) =>
    scales.includes(name) ? toFloat32(parts[name]) : null
  );
  return { mask: toInt32(parts.mask), row: (o) => row?.[o] ?? coeff?.[0] ?? 1, column };
}

/** @throws {DeltaError} if a form is none of this codec's. */
function scalesOf(form: Form): readonly string[] {
  const { scale, type, ...others } = form;
  const scales = typeof scale === "string" && Object.hasOwn(SCALES, scale) && SCALES[scale];
  const isKnown = type === undefined || type === "F16";
  if (scales && isKnown && Object.keys(others).length === 0) return scales;
  throw new DeltaError({
    problem: `is no form of the codec '${signs.name}'`,
    option: "form",
    value: form,
    expected: `{ scale }, one of ${Object.keys(SCALES).join(", ")}, and type 'F16' or none`,
  });
}

function typeOf({ type }: Form): ScaleType {
  return type === "F16" ? type : "F32";
}

/** Words that hold one row of `inSize` signs. */
export function wordsPerRow(inSize: number): number {
  return Math.ceil(inSize / 32);
}

/**
 * Packs the signs of a matrix; a zero of either sign counts as +1.
 *
 * @param values `[out, in]`, row-major.
 * @returns `[ceil(in / 32), out]`.
 *
 * @example
 * ```ts
 * import { packSigns, unpackSigns } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const delta = Float32Array.of(0.5, -0.25, 0, -1);
 * // A zero counts as +1.
 * const signs = unpackSigns(packSigns(delta, [2, 2]), [2, 2]);
 * assert.deepEqual(signs, Float32Array.of(1, -1, 1, -1));
 * ```
 */
export function packSigns(values: Float32Array, [outSize, inSize]: LinearShape): Int32Array {
  const words = wordsPerRow(inSize);
  const mask = new Int32Array(words * outSize).fill(-1);
  for (let o = 0; o < outSize; o++) {
    for (let i = 0; i < inSize; i++) {
      if (values[o * inSize + i] < 0) mask[(i >>> 5) * outSize + o] &= ~(1 << (i & 31));
    }
  }
  return mask;
}

/**
 * The signs that a mask holds.
 *
 * @param mask `[ceil(in / 32), out]`.
 * @returns ±1, `[out, in]`, row-major.
 *
 * @example
 * ```ts
 * import { packSigns, unpackSigns } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const mask = packSigns(Float32Array.of(3, -2), [1, 2]);
 * assert.deepEqual(unpackSigns(mask, [1, 2]), Float32Array.of(1, -1));
 * ```
 */
export function unpackSigns(mask: Int32Array, shape: LinearShape): Float32Array {
  return scaledSigns(mask, shape, () => 1);
}

/** The signs that a mask holds, each times the scale of its row. */
function scaledSigns(
  mask: Int32Array,
  [outSize, inSize]: LinearShape,
  scaleOf: (row: number) => number,
): Float32Array {
  const values = new Float32Array(outSize * inSize);
  for (let o = 0, at = 0; o < outSize; o++) {
    const scale = scaleOf(o);
    for (let start = 0; start < inSize; start += 32) {
      let word = mask[(start >>> 5) * outSize + o];
      const end = at + Math.min(32, inSize - start);
      for (; at < end; at++, word >>= 1) values[at] = word & 1 ? scale : -scale;
    }
  }
  return values;
}
