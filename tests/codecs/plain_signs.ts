/**
 * The delta of a layer the slow way: number by number, from the definitions of the element types. What
 * the WebAssembly kernel is held against.
 */

import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { plainDecode, plainRound } from "../checkpoint/plain_floats.ts";

/** The values of a tensor. */
function plainValues({ dtype, bytes }: RawTensor): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === "F32") {
    return Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }
  if (dtype !== "F16" && dtype !== "BF16") throw new TypeError(dtype);
  return Array.from(
    { length: bytes.length / 2 },
    (_, i) => plainDecode(view.getUint16(2 * i, true), dtype),
  );
}

/** `fine − base`, in float32, then rounded to their type if they share one of 16 bits. */
export function plainDelta(base: RawTensor, fine: RawTensor): number[] {
  const baseValues = plainValues(base);
  const { dtype } = fine;
  return plainValues(fine).map((value, i) => {
    const difference = Math.fround(value - baseValues[i]);
    const isExact = dtype === "F32" || dtype !== base.dtype;
    return isExact ? difference : plainRound(difference, dtype as "F16" | "BF16");
  });
}

/** The words of a mask, as text of 32 digits each, bit 31 first: (0, 0), (0, 1) … */
export function plainMask(delta: readonly number[], outSize: number, inSize: number): string[] {
  const words: string[] = [];
  for (let start = 0; start < inSize; start += 32) {
    for (let o = 0; o < outSize; o++) {
      let digits = "";
      for (let i = start; i < start + 32; i++) {
        const isPositive = i >= inSize || delta[o * inSize + i] >= 0;
        digits = (isPositive ? "1" : "0") + digits;
      }
      words.push(digits);
    }
  }
  return words;
}

/** A packed mask in the form of `plainMask`. */
export function maskDigits(mask: Int32Array): string[] {
  return Array.from(mask, (word) => (word >>> 0).toString(2).padStart(32, "0"));
}
