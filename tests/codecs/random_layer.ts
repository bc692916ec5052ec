/** Layers of any form with random numbers, and their matrices from the definitions of the codecs. */

import {
  elementCount,
  float32Tensor,
  fromFloat32,
  int32Tensor,
  isFloatType,
  type RawTensor,
  type TensorInfo,
  toFloat32,
  toInt32,
} from "../../lib/checkpoint/tensor.ts";
import type { CompressedLayer, LayerForm, Parts, Term } from "../../lib/codecs/codec.ts";
import { findCodec } from "../../lib/codecs/mod.ts";
import type { SeededRandom } from "../../lib/util/random.ts";

/** A layer of this form: floats of about `size`, any bits. */
export function randomLayer(form: LayerForm, random: SeededRandom, size = 1): CompressedLayer {
  const terms = form.terms.map((term) => {
    const layout = findCodec(term.codec).layout(form.shape, term.form);
    const parts = Object.entries(layout).map(([name, info]) => [name, randomPart(info)] as const);
    return { ...term, parts: Object.fromEntries(parts) };
  });
  return { ...form, terms };

  function randomPart({ dtype, shape }: TensorInfo): RawTensor {
    const count = elementCount(shape);
    if (!isFloatType(dtype)) {
      const words = Int32Array.from(
        { length: count },
        () => random.integer(65536) << 16 | random.integer(65536),
      );
      return int32Tensor(words, shape);
    }
    const values = Float32Array.from({ length: count }, () => size * (random.uniform() - 0.4));
    return dtype === "F32"
      ? float32Tensor(values, shape)
      : { dtype, shape, bytes: fromFloat32(values, dtype) };
  }
}

/** Σ M in float64, number by number. */
export function plainMatrix({ shape, terms }: CompressedLayer): Float64Array {
  const sum = new Float64Array(shape[0] * shape[1]);
  for (const term of terms) {
    plainTerm(term, shape).forEach((value, at) => sum[at] += value);
  }
  return sum;
}

function plainTerm(
  { codec, form, parts }: Term,
  [outSize, inSize]: readonly [number, number],
): Float64Array {
  const floats = Object.fromEntries(
    Object.entries(parts).filter(([, { dtype }]) => isFloatType(dtype))
      .map(([name, part]) => [name, Float64Array.from(toFloat32(part))]),
  );
  const element = codec === "signs"
    ? signElement(parts.mask, floats, outSize)
    : codec === "ternary"
    ? tritElement(parts, floats, outSize)
    : codec === "rounded-low-rank"
    ? roundedElement(parts, floats.scale, Number(form.bits))
    : lowRankElement(floats, Number(form.rank), inSize);
  return Float64Array.from(
    { length: outSize * inSize },
    (_, at) => element(Math.floor(at / inSize), at % inSize),
  );
}

/** row · column · ±1, 1 where bit i mod 32 of word (⌊i / 32⌋, o) is set. */
function signElement(part: RawTensor, scales: Record<string, Float64Array>, outSize: number) {
  const mask = toInt32(part);
  const { coeff = [1], row, column } = scales;
  return (o: number, i: number) => {
    const digits = (mask[Math.floor(i / 32) * outSize + o] >>> 0).toString(2).padStart(32, "0");
    const sign = digits[31 - i % 32] === "1" ? 1 : -1;
    return sign * coeff[0] * (row?.[o] ?? 1) * (column?.[i] ?? 1);
  };
}

/** Half of what both masks give. */
function tritElement(
  parts: Parts,
  scales: Record<string, Float64Array>,
  outSize: number,
) {
  const [first, second] = [parts.mask, parts.second].map((mask) =>
    signElement(mask, scales, outSize)
  );
  return (o: number, i: number) => (first(o, i) + second(o, i)) / 2;
}

/** Σₖ scale · l · r of numbers Σ 2ᵇ · ±1. */
function roundedElement(parts: Parts, scale: Float64Array, bits: number) {
  const number = (side: string) => {
    const planes = Array.from(
      { length: bits },
      (_, bit) => signElement(parts[`${side}${bit}`], {}, scale.length),
    );
    return (k: number, at: number) =>
      planes.reduce((sum, plane, bit) => sum + 2 ** bit * plane(k, at), 0);
  };
  const [left, right] = [number("left"), number("right")];
  return (o: number, i: number) =>
    scale.reduce((sum, each, k) => sum + each * left(k, o) * right(k, i), 0);
}

function lowRankElement(
  { left, right }: Record<string, Float64Array>,
  rank: number,
  inSize: number,
) {
  return (o: number, i: number) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += left[o * rank + k] * right[k * inSize + i];
    return sum;
  };
}
