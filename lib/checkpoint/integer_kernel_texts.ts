/**
 * The kernels that round rows of weights to whole numbers of a few bits, pack them in planes, and add them to a row:
 * what each does, and its text.
 */

import { eachVector, exported, real } from "./kernel_text.ts";

/** Functions of the module, on addresses in its memory and on counts of elements. */
export interface IntegerKernels {
  /**
   * Adds scale · (q − zero) to each float of a row, q packed in planes, a plane a bit.
   *
   * @param planes words of 32 bits for each 32 columns, `stride` bytes apart, and a plane's `planeStride` bytes
   * after those of the one before.
   * @param scales float32 of each group, `stride` bytes apart; `zeros` alike.
   * @param vectors of four columns in a group, a multiple of eight.
   * @param count of columns, a multiple of four.
   */
  readonly addIntegers: (
    floats: number,
    planes: number,
    stride: number,
    planeStride: number,
    bits: number,
    scales: number,
    zeros: number,
    vectors: number,
    count: number,
  ) => void;
  /**
   * Packs the whole numbers that floats round to, clamp(round(x / scale) + zero), ties to even; as
   * {@linkcode IntegerKernels.addIntegers} reads them. Where a scale is zero, so is x / scale.
   *
   * @param count of columns, a multiple of 32.
   */
  readonly packIntegers: IntegerKernels["addIntegers"];
  /**
   * The least and the greatest of zero and the floats of each group, `stride` bytes apart.
   *
   * @param vectors of four columns in a group.
   * @param count of columns, a multiple of four.
   */
  readonly groupRanges: (
    floats: number,
    lows: number,
    highs: number,
    stride: number,
    vectors: number,
    count: number,
  ) => void;
  /**
   * One plane of 32 columns at most, of whole numbers that lie as floats, a column after another: bit `bit` of
   * number k as bit k of a word.
   *
   * @param words one for each row.
   * @param columns at least one, each of `count` rows.
   * @param count a multiple of four.
   */
  readonly packPlane: (
    words: number,
    numbers: number,
    columns: number,
    bit: number,
    count: number,
  ) => void;
  /** Adds to each float that of `values` that its place names, by the number of its element. */
  readonly addPlaced: (floats: number, values: number, places: number, count: number) => void;
}

const PACKED =
  `(param $at i32) (param $words i32) (param $stride i32) (param $plane i32) (param $bits i32)
    (param $scales i32) (param $zeros i32) (param $vectors i32) (param $count i32)`;

const LOCALS = `(local $left i32) (local $grouped i32) (local $word i32) (local $bit i32)
    (local $at_plane i32) (local $s v128) (local $z v128)`;

/** Takes the scale and the zero point of the group that begins here. */
const NEXT_GROUP = `
  (if (i32.eqz (local.get $grouped)) (then
    (local.set $s (v128.load32_splat (local.get $scales)))
    (local.set $z (v128.load32_splat (local.get $zeros)))
    (local.set $scales (i32.add (local.get $scales) (local.get $stride)))
    (local.set $zeros (i32.add (local.get $zeros) (local.get $stride)))
    (local.set $grouped (local.get $vectors))))
  (local.set $grouped (i32.sub (local.get $grouped) (i32.const 1)))`;

/** The words of the 32 columns that begin here. */
const NEXT_WORD = (first: string) => `
  (if (i32.eqz (local.get $left)) (then
    (local.set $word (local.get $words))
    (local.set $words (i32.add (local.get $words) (local.get $stride)))
    ${first}
    (local.set $left (i32.const 8))))
  (local.set $left (i32.sub (local.get $left) (i32.const 1)))`;

/** Runs for each plane, whose word is at `$at_plane`. */
const eachPlane = (body: string) => `
  (local.set $bit (i32.const 0))
  (local.set $at_plane (local.get $word))
  (loop $planes
    ${body}
    (local.set $at_plane (i32.add (local.get $at_plane) (local.get $plane)))
    (br_if $planes (i32.lt_u
      (local.tee $bit (i32.add (local.get $bit) (i32.const 1)))
      (local.get $bits))))`;

const ADD_INTEGERS = exported(
  "addIntegers",
  PACKED,
  `${LOCALS} (local $place v128) (local $value v128) (local $q v128)`,
  eachVector(
    4,
    `${NEXT_WORD("(local.set $place (v128.const i32x4 1 2 4 8))")}
    ${NEXT_GROUP}
    (local.set $q (v128.const i32x4 0 0 0 0))
    (local.set $value (v128.const i32x4 1 1 1 1))
    ${
      eachPlane(`
      (local.set $q (v128.or (local.get $q) (v128.and (local.get $value) (i32x4.eq
        (v128.and (v128.load32_splat (local.get $at_plane)) (local.get $place))
        (local.get $place)))))
      (local.set $value (i32x4.shl (local.get $value) (i32.const 1)))`)
    }
    (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) (f32x4.mul (local.get $s)
      (f32x4.sub (f32x4.convert_i32x4_s (local.get $q)) (local.get $z)))))
    (local.set $place (i32x4.shl (local.get $place) (i32.const 4)))`,
  ),
);

/** What is above all numbers is the greatest; a scale of zero leaves the zero point. */
const PACK_INTEGERS = exported(
  "packIntegers",
  PACKED,
  `${LOCALS} (local $q v128) (local $most v128) (local $shift i32)`,
  `(local.set $most (f32x4.splat (f32.convert_i32_s
      (i32.sub (i32.shl (i32.const 1) (local.get $bits)) (i32.const 1)))))
    ${
    eachVector(
      4,
      `${NEXT_WORD("(local.set $shift (i32.const 0))")}
    ${NEXT_GROUP}
    (local.set $q (i32x4.trunc_sat_f32x4_s (f32x4.min (local.get $most) (f32x4.max ${real("0")}
      (f32x4.add (local.get $z) (v128.and (f32x4.ne (local.get $s) ${real("0")})
        (f32x4.nearest (f32x4.div (v128.load (local.get $at)) (local.get $s)))))))))
    ${
        eachPlane(`
      (i32.store (local.get $at_plane) (i32.or
        (i32.shl
          (i32x4.bitmask (i32x4.shl (local.get $q) (i32.sub (i32.const 31) (local.get $bit))))
          (local.get $shift))
        (i32.mul (i32.ne (local.get $shift) (i32.const 0)) (i32.load (local.get $at_plane)))))`)
      }
    (local.set $shift (i32.add (local.get $shift) (i32.const 4)))`,
    )
  }`,
);

/** The least and the greatest of four lanes. */
const ofLanes = (operation: "min" | "max", vector: string) =>
  `(f32.${operation}
    (f32.${operation} (f32x4.extract_lane 0 ${vector}) (f32x4.extract_lane 1 ${vector}))
    (f32.${operation} (f32x4.extract_lane 2 ${vector}) (f32x4.extract_lane 3 ${vector})))`;

const GROUP_RANGES = exported(
  "groupRanges",
  `(param $at i32) (param $lows i32) (param $highs i32) (param $stride i32) (param $vectors i32)
    (param $count i32)`,
  "(local $grouped i32) (local $low v128) (local $high v128)",
  eachVector(
    4,
    `(if (i32.eqz (local.get $grouped)) (then
        (local.set $low ${real("0")})
        (local.set $high ${real("0")})
        (local.set $grouped (local.get $vectors))))
      (local.set $low (f32x4.min (local.get $low) (v128.load (local.get $at))))
      (local.set $high (f32x4.max (local.get $high) (v128.load (local.get $at))))
      (local.set $grouped (i32.sub (local.get $grouped) (i32.const 1)))
      (if (i32.or
        (i32.eqz (local.get $grouped))
        (i32.ge_u (i32.add (local.get $at) (i32.const 16)) (local.get $end))) (then
        (f32.store (local.get $lows) ${ofLanes("min", "(local.get $low)")})
        (f32.store (local.get $highs) ${ofLanes("max", "(local.get $high)")})
        (local.set $lows (i32.add (local.get $lows) (local.get $stride)))
        (local.set $highs (i32.add (local.get $highs) (local.get $stride)))))`,
  ),
);

const ADD_PLACED = `(func (export "addPlaced")
  (param $at i32) (param $values i32) (param $places i32) (param $count i32) (local $end i32)
  (local.set $end (i32.add (local.get $at) (i32.shl (local.get $count) (i32.const 2))))
  (loop $next
    (f32.store (local.get $at) (f32.add (f32.load (local.get $at)) (f32.load
      (i32.add (local.get $values) (i32.shl (i32.load (local.get $places)) (i32.const 2))))))
    (local.set $places (i32.add (local.get $places) (i32.const 4)))
    (br_if $next (i32.lt_u
      (local.tee $at (i32.add (local.get $at) (i32.const 4)))
      (local.get $end)))))`;

const PACK_PLANE = exported(
  "packPlane",
  `(param $at i32) (param $numbers i32) (param $columns i32) (param $bit i32) (param $count i32)`,
  "(local $word v128) (local $from i32) (local $k i32)",
  eachVector(
    4,
    `(local.set $word (v128.const i32x4 0 0 0 0))
    (local.set $from (local.get $numbers))
    (local.set $k (i32.const 0))
    (loop $each
      (local.set $word (v128.or (local.get $word) (i32x4.shl
        (v128.and (v128.const i32x4 1 1 1 1) (i32x4.shr_u
          (i32x4.trunc_sat_f32x4_s (v128.load (local.get $from)))
          (local.get $bit)))
        (local.get $k))))
      (local.set $from (i32.add (local.get $from) (i32.shl (local.get $count) (i32.const 2))))
      (br_if $each (i32.lt_u
        (local.tee $k (i32.add (local.get $k) (i32.const 1)))
        (local.get $columns))))
    (v128.store (local.get $at) (local.get $word))
    (local.set $numbers (i32.add (local.get $numbers) (i32.const 16)))`,
  ),
);

/** Functions of the module. */
export const INTEGERS: string =
  `${ADD_INTEGERS} ${PACK_INTEGERS} ${GROUP_RANGES} ${PACK_PLANE} ${ADD_PLACED}`;
