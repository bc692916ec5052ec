/**
 * The text of the kernels that add what a codec stores to a row of weights, other than signs: trits and products of
 * two thin matrices. What each function does says `float_kernels.ts`.
 */

import { all, eachVector, exported } from "./kernel_text.ts";

/** Two words' bits are tested four at a time: both set is +1, none −1, and one of them 0. */
const ADD_TRITS = exported(
  "addTrits",
  `(param $at i32) (param $first i32) (param $second i32) (param $stride i32) (param $scale f32)
    (param $count i32)`,
  "(local $a v128) (local $b v128) (local $left i32) (local $of v128) (local $place v128)",
  `(local.set $of (f32x4.splat (local.get $scale)))
    ${
    eachVector(
      4,
      `(if (i32.eqz (local.get $left)) (then
          (local.set $a (v128.load32_splat (local.get $first)))
          (local.set $b (v128.load32_splat (local.get $second)))
          (local.set $first (i32.add (local.get $first) (local.get $stride)))
          (local.set $second (i32.add (local.get $second) (local.get $stride)))
          (local.set $place (v128.const i32x4 1 2 4 8))
          (local.set $left (i32.const 8))))
        (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) (v128.or
          (v128.and (local.get $of) (i32x4.ne ${all("0")}
            (v128.and (v128.and (local.get $a) (local.get $b)) (local.get $place))))
          (v128.and (f32x4.neg (local.get $of)) (i32x4.eq ${all("0")}
            (v128.and (v128.or (local.get $a) (local.get $b)) (local.get $place)))))))
        (local.set $place (i32x4.shl (local.get $place) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))`,
    )
  }`,
);

/** Vectors of a row that are summed together, which hides how long a sum takes. */
const TOGETHER = 4;
const vectors = Array.from({ length: TOGETHER }, (_, index) => index);

/** Σₖ leftₖ · rightₖ in the order of k, each product and each sum rounded, and then added to what is there. */
const ADD_PRODUCT = exported(
  "addProduct",
  `(param $at i32) (param $left i32) (param $right i32) (param $rank i32) (param $stride i32)
    (param $count i32)`,
  `(local $l i32) (local $r i32) (local $last i32) (local $of v128)
    ${vectors.map((index) => `(local $sum${index} v128)`).join(" ")}`,
  `(local.set $last (i32.add (local.get $left) (i32.shl (local.get $rank) (i32.const 2))))
    (local.set $end (i32.add (local.get $at) (i32.shl (local.get $count) (i32.const 2))))
    (loop $columns
      (local.set $l (local.get $left))
      (local.set $r (local.get $right))
      ${vectors.map((index) => `(local.set $sum${index} ${all("0")})`).join("\n")}
      (loop $inner
        (local.set $of (v128.load32_splat (local.get $l)))
        ${
    vectors.map((index) =>
      `(local.set $sum${index} (f32x4.add (local.get $sum${index})
          (f32x4.mul (local.get $of) (v128.load offset=${16 * index} (local.get $r)))))`
    ).join("\n")
  }
        (local.set $r (i32.add (local.get $r) (local.get $stride)))
        (br_if $inner (i32.lt_u
          (local.tee $l (i32.add (local.get $l) (i32.const 4)))
          (local.get $last))))
      ${
    vectors.map((index) =>
      `(v128.store offset=${16 * index} (local.get $at)
        (f32x4.add (v128.load offset=${16 * index} (local.get $at)) (local.get $sum${index})))`
    ).join("\n")
  }
      (local.set $right (i32.add (local.get $right) (i32.const ${16 * TOGETHER})))
      (br_if $columns (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const ${16 * TOGETHER})))
        (local.get $end))))`,
);

/** Functions of the module. */
export const TERMS: string = `${ADD_TRITS} ${ADD_PRODUCT}`;
