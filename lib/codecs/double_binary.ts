/**
 * The codec `double-binary`: a matrix as a product of two matrices of signs, with a scale for each row, inner sign
 * and column.
 *
 * `M[o, i] = row[o] · Σⱼ L[o, j] middle[j] R[j, i] · column[i]` with L `[out, inner]` and R `[inner, in]` of ±1:
 * `inner · (out + in)` bits, whatever they are of the matrix's. Both masks have a word of an inner sign for each 32
 * rows or columns, `[⌈out / 32⌉, inner]` and `[⌈in / 32⌉, inner]`, so that no number of inner signs is filled up;
 * where 32 does not divide out or in, the last words are. Not here: how factors are found.
 *
 * Sources: Boža and Macko 2025, "Addition is almost all you need: Compressing neural networks with double binary
 * factorization"; Lee et al. 2025, "LittleBit".
 */

import {
  float32Tensor,
  type FloatType,
  fromFloat32,
  int32Tensor,
  type TensorInfo,
  toFloat32,
  toInt32,
} from "../checkpoint/tensor.ts";
import { multiply } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { signMatmul, signMatrix } from "../graph/ops/signs.ts";
import { DeltaError } from "../util/errors.ts";
import { addDoubleBinary, type DoubleBinaryFactors } from "./add_double_binary.ts";
import type { Codec, Form, Parts, Term } from "./codec.ts";

/** Types that scales may have. */
const TYPES = ["F16", "F32"] as const;

/**
 * Two factors of signs. Its form: `{ inner, type }`, the number of inner signs and the type of all scales: F16, or
 * F32, which can be trained.
 */
export const doubleBinary: Codec = {
  name: "double-binary",
  module: import.meta.url,
  trainable: ["row", "middle", "column"],
  layout([outSize, inSize], form) {
    const { inner, type } = checkedForm(form);
    const mask = (size: number): TensorInfo => ({
      dtype: "I32",
      shape: [Math.ceil(size / 32), inner],
    });
    return {
      left: mask(outSize),
      right: mask(inSize),
      row: { dtype: type, shape: [outSize] },
      middle: { dtype: type, shape: [inner] },
      column: { dtype: type, shape: [inSize] },
    };
  },
  product(x, part, [outSize]) {
    const hidden = multiply(signMatmul(multiply(x, part("column")), part("right")), part("middle"));
    const left = signMatrix(part("left"), outSize);
    return multiply(matmul(hidden, left, { transposeSecond: true }), part("row"));
  },
  decode(parts, [outSize, inSize]) {
    const { left, right, row, middle, column } = factorsOf(parts);
    const inner = middle.length;
    const values = new Float32Array(outSize * inSize);
    for (let o = 0, at = 0; o < outSize; o++) {
      for (let i = 0; i < inSize; i++) {
        let sum = 0;
        // Rounded as the kernels do: four inner signs are added up before they are added to the others.
        for (let begin = 0; begin < inner; begin += 4) {
          let four = 0;
          for (let j = begin; j < Math.min(begin + 4, inner); j++) {
            const isSame = (left[(o >>> 5) * inner + j] >> (o & 31) & 1) ===
              (right[(i >>> 5) * inner + j] >> (i & 31) & 1);
            four = Math.fround(isSame ? four + middle[j] : four - middle[j]);
          }
          sum = Math.fround(sum + four);
        }
        values[at++] = Math.fround(Math.fround(sum * row[o]) * column[i]);
      }
    }
    return values;
  },
  add: (kernels, sum, parts, shape) => addDoubleBinary(kernels, sum, factorsOf(parts), shape),
};

/**
 * Factors as a term of this codec.
 *
 * @param left L, packed by {@linkcode packSigns} as the mask of the transposed factor, `[⌈out / 32⌉, inner]`.
 * @param right R, packed as `[⌈in / 32⌉, inner]`.
 * @param type of the scales, which are rounded to it.
 *
 * @example
 * ```ts
 * import { doubleBinaryTerm, findCodec, packSigns } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // One inner sign: rows +1, −1 and columns +1, −1, +1.
 * const factors = {
 *   left: packSigns(Float32Array.of(1, -1), [1, 2]),
 *   right: packSigns(Float32Array.of(1, -1, 1), [1, 3]),
 *   row: Float32Array.of(1, 2),
 *   middle: Float32Array.of(0.5),
 *   column: Float32Array.of(1, 1, 4),
 * };
 * const { codec, parts, form } = doubleBinaryTerm(factors, "F16");
 * const matrix = findCodec(codec).decode(parts, [2, 3], form);
 * assert.deepEqual([...matrix], [0.5, -0.5, 2, -1, 1, -4]);
 * ```
 */
export function doubleBinaryTerm(
  { left, right, row, middle, column }: DoubleBinaryFactors,
  type: "F16" | "F32",
): Term {
  const inner = middle.length;
  const mask = (words: Int32Array) => int32Tensor(words, [words.length / inner, inner]);
  const vector = (values: Float32Array) =>
    type === "F32" ? float32Tensor(values, [values.length]) : {
      dtype: type,
      shape: [values.length],
      bytes: fromFloat32(values, type),
    };
  return {
    codec: doubleBinary.name,
    form: { inner, type },
    parts: {
      left: mask(left),
      right: mask(right),
      row: vector(row),
      middle: vector(middle),
      column: vector(column),
    },
  };
}

function factorsOf({ left, right, row, middle, column }: Parts): DoubleBinaryFactors {
  return {
    left: toInt32(left),
    right: toInt32(right),
    row: toFloat32(row),
    middle: toFloat32(middle),
    column: toFloat32(column),
  };
}

/** @throws {DeltaError} if a form is none of this codec's. */
function checkedForm(form: Form): { readonly inner: number; readonly type: FloatType } {
  const { inner, type, ...others } = form;
  const known = TYPES.find((each) => each === type);
  if (
    typeof inner === "number" && Number.isSafeInteger(inner) && inner >= 1 && known &&
    Object.keys(others).length === 0
  ) return { inner, type: known };
  throw new DeltaError({
    problem: `is no form of the codec '${doubleBinary.name}'`,
    option: "form",
    value: form,
    expected: `{ inner, type }, a whole number from 1 and one of ${TYPES.join(", ")}`,
  });
}
