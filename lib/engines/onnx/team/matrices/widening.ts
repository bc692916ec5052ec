/** How weights become floats in registers, eight at a time. */

import { alike, rangeOf, vector } from "../loops.ts";
import { get } from "../text.ts";
import type { Storage } from "../kernel.ts";

/** How matrices are stored. */
export type MatrixStorage = Exclude<Storage, "I32">;

/** Eight weights as they are stored, and as two vectors of four. */
export interface Widening {
  readonly bytes: number;
  /** The first or second vector of the eight at an address; may use the locals `$half` and {@linkcode UPPER}. */
  readonly half: (which: number, address: string, offset: number) => string;
}

/** Upper halves of four words: a local, as a constant would be made anew each time. */
export const UPPER = "upper";

/** Which of the eight each vector holds, however they are stored: even ones are lower halves of words. */
export const ORDER: readonly (readonly number[])[] = [[0, 2, 4, 6], [1, 3, 5, 7]];

/** Those of eight words. */
export const ofEight = (which: number, address: string, offset = 0): string => {
  const bytes = ORDER[which].flatMap((at) => rangeOf(4).map((byte) => 4 * at + byte));
  return `(i8x16.shuffle ${bytes.join(" ")} ${vector(address, offset)}
    ${vector(address, offset + 16)})`;
};

const toUpper = (halves: string) => `(i32x4.shl ${halves} (i32.const 16))`;

/**
 * As `float16Floats` of `text.ts`, of float16 in the upper halves of words, whatever the lower ones hold.
 */
const fromUpper = (halves: string) =>
  `(v128.or
    (f32x4.mul
      (v128.and (i32x4.shr_s (local.tee $half ${halves}) (i32.const 3)) ${alike("0x8fffe000")})
      (v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112))
    (v128.and
      (i32x4.ge_s (v128.and ${get("half")} ${alike("0x7fff0000")}) ${alike("0x7c000000")})
      ${alike("0x7f800000")}))`;

/** By how they are stored. */
export const widenings: Readonly<Record<MatrixStorage, Widening>> = {
  F32: {
    bytes: 32,
    half: ofEight,
  },
  F16: {
    bytes: 16,
    half: (which, address, offset) => {
      const halves = vector(address, offset);
      return fromUpper(which ? halves : toUpper(halves));
    },
  },
  // A bfloat16 is the upper half of a float32.
  BF16: {
    bytes: 16,
    half: (which, address, offset) => {
      const halves = vector(address, offset);
      return which ? `(v128.and ${halves} ${get(UPPER)})` : toUpper(halves);
    },
  },
};
