/**
 * The codec `low-rank`: `M = L · R` with L `[out, rank]` and R `[rank, in]`, in 16 or 32 bits a number.
 *
 * A truncated singular value decomposition, or an adapter. Not here: factors of a few bits
 * (`rounded_low_rank.ts`).
 */

import { type FloatType, fromFloat32, toFloat32 } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { DeltaError } from "../util/errors.ts";
import { addProduct, type Factors, HIGHEST_RANK, plainProduct } from "./add_product.ts";
import type { Codec, Form, Parts, Term } from "./codec.ts";

/** Types that factors are stored in. */
const TYPES: readonly FloatType[] = ["F16", "BF16", "F32"];

/** Two thin matrices. Its form: `{ rank, type }`, type one of F16, BF16 and F32. */
export const lowRank: Codec = {
  name: "low-rank",
  module: import.meta.url,
  trainable: ["left", "right"],
  layout([outSize, inSize], form) {
    const { rank, type: dtype } = read(form);
    return {
      left: { dtype, shape: [outSize, rank] },
      right: { dtype, shape: [rank, inSize] },
    };
  },
  product: (x, part) =>
    matmul(matmul(x, part("right"), { transposeSecond: true }), part("left"), {
      transposeSecond: true,
    }),
  decode: (parts, shape, form) => plainProduct(factors(parts, form), shape),
  add: (kernels, sum, parts, shape, form) => addProduct(kernels, sum, factors(parts, form), shape),
};

/**
 * Two factors as a term of this codec, each number rounded to its type. Each column of the left factor and its row
 * of the right one are brought to one magnitude by a power of two first, so that small differences keep their
 * digits in float16.
 *
 * @param left `[out, rank]`, row-major; `right` `[rank, in]`.
 *
 * @example
 * ```ts
 * import { findCodec, lowRankTerm } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const term = lowRankTerm({ left: Float32Array.of(1, 2), right: Float32Array.of(3, 4), rank: 1 }, [2, 2], "F16");
 * const { decode } = findCodec(term.codec);
 * assert.deepEqual(decode(term.parts, [2, 2], term.form), Float32Array.of(3, 4, 6, 8));
 * ```
 */
export function lowRankTerm(
  { left, right, rank }: Factors,
  [outSize, inSize]: LinearShape,
  type: FloatType,
): Term {
  const [ofLeft, ofRight] = [left.slice(), right.slice()];
  for (let k = 0; k < rank; k++) {
    let [most, mostRight] = [0, 0];
    for (let o = k; o < left.length; o += rank) most = Math.max(most, Math.abs(left[o]));
    const row = ofRight.subarray(k * inSize, (k + 1) * inSize);
    for (const each of row) mostRight = Math.max(mostRight, Math.abs(each));
    if (most === 0 || mostRight === 0) continue;
    const factor = 2 ** Math.round(Math.log2(mostRight / most) / 2);
    for (let o = k; o < left.length; o += rank) ofLeft[o] *= factor;
    row.forEach((each, i) => row[i] = each / factor);
  }
  return {
    codec: lowRank.name,
    form: { rank, type },
    parts: {
      left: { dtype: type, shape: [outSize, rank], bytes: fromFloat32(ofLeft, type) },
      right: { dtype: type, shape: [rank, inSize], bytes: fromFloat32(ofRight, type) },
    },
  };
}

/** How factors of so many bits a weight are stored, in float16. */
export function lowRankForm(shape: LinearShape, bits: number): Omit<Term, "parts"> {
  return { codec: lowRank.name, form: { rank: rankOfBits(shape, bits), type: "F16" } };
}

/**
 * The rank whose two factors of 16 bits take no more than so many bits a weight, at least 1.
 *
 * @param bits of each of the `out · in` weights.
 */
export function rankOfBits(
  [outSize, inSize]: LinearShape,
  bits: number,
  bitsOfNumber = 16,
): number {
  const rank = Math.floor(bits * outSize * inSize / (bitsOfNumber * (outSize + inSize)));
  return Math.max(1, Math.min(rank, outSize, inSize, HIGHEST_RANK));
}

function factors(parts: Parts, form: Form): Factors {
  return {
    left: toFloat32(parts.left),
    right: toFloat32(parts.right),
    rank: read(form).rank,
  };
}

/** @throws {DeltaError} if a form is none of this codec's. */
function read(form: Form): { readonly rank: number; readonly type: FloatType } {
  const { rank, type: named, ...others } = form;
  const type = TYPES.find((each) => each === named);
  const fits = type && typeof rank === "number" && Number.isInteger(rank) && rank >= 1 &&
    rank <= HIGHEST_RANK;
  if (fits && Object.keys(others).length === 0) return { rank, type };
  throw new DeltaError({
    problem: `is no form of the codec '${lowRank.name}'`,
    option: "form",
    value: form,
    expected: `{ rank, type }, a rank from 1 to ${HIGHEST_RANK} and one of ${TYPES.join(", ")}`,
  });
}
