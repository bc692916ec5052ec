/**
 * The codec `ternary`: `M[o, i] = scale[o] · T[o, i]` with T of −1, 0 and +1, in two bits a weight.
 *
 * `T = (S₁ + S₂) / 2` of two masks of signs, so that products are those of signs, which engines have kernels
 * for. Both signs +1 stand for +1, both −1 for −1; where they differ, for 0. Five trits in a byte would take 1.6
 * bits and their entropy at most 1.585, but no engine multiplies by them as they are stored.
 */

import { float32Tensor, int32Tensor, toFloat32, toInt32 } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { add, multiply, scaleBy } from "../graph/ops/elementwise.ts";
import { signMatmul } from "../graph/ops/signs.ts";
import { DeltaError } from "../util/errors.ts";
import { addTrits, type Trits } from "./add_trits.ts";
import type { Codec, Form, Parts, Term } from "./codec.ts";
import { unpackSigns, wordsPerRow } from "./signs.ts";

/** Two masks, and one scale of all elements (`scalar`, part `coeff`) or one of each row (`row`). Its form: `{ scale }`. */
export const ternary: Codec = {
  name: "ternary",
  module: import.meta.url,
  trainable: ["coeff", "row"],
  layout([outSize, inSize], form) {
    const mask = { dtype: "I32", shape: [wordsPerRow(inSize), outSize] } as const;
    const part = scaleOf(form);
    return {
      mask,
      second: mask,
      [part]: { dtype: "F32", shape: part === "row" ? [outSize] : [] },
    };
  },
  product(x, part, _shape, form) {
    const twice = add(signMatmul(x, part("mask")), signMatmul(x, part("second")));
    return multiply(scaleBy(twice, 0.5), part(scaleOf(form)));
  },
  decode(parts, shape, form) {
    const { first, second, scale } = read(parts, form);
    const [values, others] = [first, second].map((mask) => unpackSigns(mask, shape));
    return values.map((value, at) =>
      value === others[at] ? value * scale(Math.floor(at / shape[1])) : 0
    );
  },
  add: (kernels, sum, parts, shape, form) => addTrits(kernels, sum, read(parts, form), shape),
};

/** A scale, rounded to 32-bit floats, of all elements or of each row `[out]`. */
export type TernaryScale = number | Float32Array;

/** How a term of this codec is stored. */
export function ternaryForm(scale: "scalar" | "row"): Omit<Term, "parts"> {
  return { codec: ternary.name, form: { scale } };
}

/**
 * Two masks with a scale as a term of this codec.
 *
 * @param masks each `[ceil(in / 32), out]`, as `packSigns` gives it.
 *
 * @example
 * ```ts
 * import { findCodec, packSigns, ternaryTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const shape: [number, number] = [1, 3];
 * const pack = (...signs: number[]) => packSigns(Float32Array.from(signs), shape);
 * const term = ternaryTerm([pack(1, 1, -1), pack(1, -1, -1)], shape, 0.5);
 * const { decode } = findCodec(term.codec);
 * assert.deepEqual(decode(term.parts, shape, term.form), Float32Array.of(0.5, 0, -0.5));
 * ```
 */
export function ternaryTerm(
  masks: readonly [first: Int32Array, second: Int32Array],
  [outSize, inSize]: LinearShape,
  scale: TernaryScale,
): Term {
  const [mask, other] = masks.map((words) => int32Tensor(words, [wordsPerRow(inSize), outSize]));
  const parts = { mask, second: other };
  return typeof scale === "number"
    ? {
      ...ternaryForm("scalar"),
      parts: { ...parts, coeff: float32Tensor(Float32Array.of(scale), []) },
    }
    : { ...ternaryForm("row"), parts: { ...parts, row: float32Tensor(scale, [outSize]) } };
}

function read(parts: Parts, form: Form): Trits {
  const name = scaleOf(form);
  const values = toFloat32(parts[name]);
  const scale = name === "row" ? (row: number) => values[row] : () => values[0];
  return { first: toInt32(parts.mask), second: toInt32(parts.second), scale };
}

/** @throws {DeltaError} if a form is none of this codec's. */
function scaleOf({ scale, ...others }: Form): "coeff" | "row" {
  if (Object.keys(others).length === 0) {
    if (scale === "scalar") return "coeff";
    if (scale === "row") return "row";
  }
  throw new DeltaError({
    problem: `is no form of the codec '${ternary.name}'`,
    option: "form",
    value: { scale, ...others },
    expected: "{ scale }, one of scalar, row",
  });
}
