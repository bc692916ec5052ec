/** Rounding to whole numbers of a few bits, number by number, and what is packed of them. */

import { type FloatType, fromFloat32, toFloat32, toInt32 } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { Parts } from "../../lib/codecs/codec.ts";

/** To nearest, ties to even. */
export function nearest(x: number): number {
  const below = Math.floor(x);
  const left = x - below;
  return left === 0.5 ? below + Math.abs(below % 2) : left < 0.5 ? below : below + 1;
}

/** A number as a type of 16 bits holds it. */
export function rounded(x: number, type: FloatType): number {
  return toFloat32({ dtype: type, shape: [], bytes: fromFloat32(Float32Array.of(x), type) })[0];
}

/** Scale and zero point of a group's numbers. */
export function rangeOf(group: readonly number[], bits: number, type: FloatType) {
  const [low, high] = [Math.min(0, ...group), Math.max(0, ...group)];
  const most = 2 ** bits - 1;
  const scale = rounded((high - low) / most, type);
  return { scale, zero: scale === 0 ? 0 : Math.min(most, Math.round(-low / scale)), most };
}

/** Each number of a matrix rounded in its group of columns. */
export function plainRounding(
  values: Float32Array,
  [outSize, inSize]: LinearShape,
  { bits, group, type }: { bits: number; group: number; type: FloatType },
): Float32Array {
  const result = new Float32Array(values.length);
  for (let o = 0; o < outSize; o++) {
    for (let begin = 0; begin < inSize; begin += group) {
      const end = Math.min(inSize, begin + group);
      const of = [...values.subarray(o * inSize + begin, o * inSize + end)];
      const { scale, zero, most } = rangeOf(of, bits, type);
      for (const [at, value] of of.entries()) {
        const steps = scale === 0 ? 0 : nearest(Math.fround(value / scale));
        const q = Math.min(most, Math.max(0, steps + zero));
        result[o * inSize + begin + at] = Math.fround(scale * (q - zero));
      }
    }
  }
  return result;
}

/** An element of a stored matrix, from digits of words as text. */
export function integerElement(parts: Parts, bits: number, group: number, shape: LinearShape) {
  const [outSize, inSize] = shape;
  const [planes, zero, scale] = [
    toInt32(parts.planes),
    toInt32(parts.zero),
    toFloat32(parts.scale),
  ];
  const place = parts.place && toInt32(parts.place);
  const digit = (word: number, k: number) => (word >>> 0).toString(2).padStart(32, "0")[31 - k];
  const number = (digitOf: (bit: number) => string) =>
    parseInt(Array.from({ length: bits }, (_, bit) => digitOf(bits - 1 - bit)).join(""), 2);
  const [words, zeroWords] = [Math.ceil(inSize / 32), Math.ceil(outSize / 32)];
  return (o: number, i: number) => {
    const j = place ? place[i] : i;
    const g = Math.floor(j / group);
    const q = number((bit) =>
      digit(planes[(bit * words + Math.floor(j / 32)) * outSize + o], j % 32)
    );
    const z = number((bit) =>
      digit(zero[(g * bits + bit) * zeroWords + Math.floor(o / 32)], o % 32)
    );
    return scale[g * outSize + o] * (q - z);
  };
}
