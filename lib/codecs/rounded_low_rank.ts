/**
 * The codec `rounded-low-rank`: `M = Lᵀ diag(scale) R` with L `[rank, out]` and R `[rank, in]` of a few bits a number.
 *
 * A number of n bits is Σ 2ᵇ s_b of n signs, an odd whole number below 2ⁿ: each factor is n masks as the codec
 * `signs` has them, and products are those of signs, which engines have kernels for. Singular vectors in groups of
 * falling width (Delta-CoMe) are a term a group.
 */

import {
  float32Tensor,
  int32Tensor,
  type RawTensor,
  toFloat32,
  toInt32,
} from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import type { Value } from "../graph/graph.ts";
import { add, multiply, scaleBy } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { signMatrix } from "../graph/ops/signs.ts";
import { DeltaError } from "../util/errors.ts";
import { addProduct, type Factors, HIGHEST_RANK, plainProduct } from "./add_product.ts";
import type { Codec, Form, Parts, Term } from "./codec.ts";
import { packSigns, unpackSigns, wordsPerRow } from "./signs.ts";

/** Two factors of odd whole numbers and a scale for each of their pairs. Its form: `{ rank, bits }`. */
export const roundedLowRank: Codec = {
  name: "rounded-low-rank",
  module: import.meta.url,
  trainable: ["scale"],
  layout(shape, form) {
    const { rank, bits } = read(form);
    const masks = sides(shape).flatMap(([side, width]) =>
      Array.from(
        { length: bits },
        (_, bit) => [`${side}${bit}`, { dtype: "I32", shape: [wordsPerRow(width), rank] }] as const,
      )
    );
    return { ...Object.fromEntries(masks), scale: { dtype: "F32", shape: [rank] } };
  },
  product(x, part, shape, form) {
    const { bits } = read(form);
    const [left, right] = sides(shape).map(([side, width]) => {
      const places = Array.from(
        { length: bits },
        (_, bit): Value => scaleBy(signMatrix(part(`${side}${bit}`), width), 2 ** bit),
      );
      return places.reduce((sum, each) => add(sum, each));
    });
    return matmul(multiply(matmul(x, right), part("scale")), left, { transposeSecond: true });
  },
  decode: (parts, shape, form) => plainProduct(factors(parts, shape, form), shape),
  add: (kernels, sum, parts, shape, form) =>
    addProduct(kernels, sum, factors(parts, shape, form), shape),
};

/** How a term of this codec is stored. */
export function roundedLowRankForm(rank: number, bits: number): Omit<Term, "parts"> {
  return { codec: roundedLowRank.name, form: { rank, bits } };
}

/** Bits of one more singular value of so many bits a number. */
export function bitsOfRank(shape: LinearShape, bits: number): number {
  return sides(shape).reduce((sum, [, width]) => sum + 32 * wordsPerRow(width) * bits, 32);
}

/**
 * A term of this codec.
 *
 * @param left `[rank, out]`, odd whole numbers below 2ⁿ in magnitude; `right` `[rank, in]` alike.
 */
export function roundedLowRankTerm(
  { left, right, scale }: Readonly<Record<"left" | "right" | "scale", Float32Array>>,
  shape: LinearShape,
  bits: number,
): Term {
  const rank = scale.length;
  const parts: Record<string, RawTensor> = {};
  for (const [side, width] of sides(shape)) {
    const numbers = { left, right }[side];
    for (let bit = 0; bit < bits; bit++) {
      // Σ 2ᵇ s_b + 2ⁿ − 1 is twice the number whose bits are 1 for +1.
      const signs = numbers.map((each) => ((each + 2 ** bits - 1) / 2 >>> bit & 1) * 2 - 1);
      parts[`${side}${bit}`] = int32Tensor(packSigns(signs, [rank, width]), [
        wordsPerRow(width),
        rank,
      ]);
    }
  }
  return {
    ...roundedLowRankForm(rank, bits),
    parts: { ...parts, scale: float32Tensor(scale, [rank]) },
  };
}

function sides([outSize, inSize]: LinearShape): [side: "left" | "right", width: number][] {
  return [["left", outSize], ["right", inSize]];
}

function factors(parts: Parts, shape: LinearShape, form: Form): Factors {
  const { rank, bits } = read(form);
  const [ofLeft, right] = sides(shape).map(([side, width]) => {
    const sum = new Float32Array(rank * width);
    for (let bit = 0; bit < bits; bit++) {
      const signs = unpackSigns(toInt32(parts[`${side}${bit}`]), [rank, width]);
      signs.forEach((each, at) => sum[at] += 2 ** bit * each);
    }
    return sum;
  });
  const [outSize] = shape;
  const scale = toFloat32(parts.scale);
  const left = Float32Array.from(
    { length: outSize * rank },
    (_, at) => scale[at % rank] * ofLeft[at % rank * outSize + Math.floor(at / rank)],
  );
  return { left, right, rank };
}

/** @throws {DeltaError} if a form is none of this codec's. */
function read({ rank, bits, ...others }: Form): { readonly rank: number; readonly bits: number } {
  const isWhole = (value: unknown, most: number): value is number =>
    typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= most;
  if (isWhole(rank, HIGHEST_RANK) && isWhole(bits, 8) && Object.keys(others).length === 0) {
    return { rank, bits };
  }
  throw new DeltaError({
    problem: `is no form of the codec '${roundedLowRank.name}'`,
    option: "form",
    value: { rank, bits, ...others },
    expected: `{ rank, bits }, a rank from 1 to ${HIGHEST_RANK} and 1 to 8 bits`,
  });
}
