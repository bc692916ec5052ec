/**
 * The text of the float kernels, in WebAssembly's own notation: loops over vectors of four floats. What each
 * function does says `float_kernels.ts`.
 */

import { INTEGERS } from "./integer_kernel_texts.ts";
import { all, eachVector, exported, real, x } from "./kernel_text.ts";
import { ROUNDING } from "./rounding_kernel_texts.ts";
import { SIGN_PRODUCTS } from "./sign_product_kernel_texts.ts";
import { SPARSE } from "./sparse_kernel_texts.ts";
import { TERMS } from "./term_kernel_texts.ts";

function pairwise(name: string, operation: string): string {
  return exported(
    name,
    "(param $at i32) (param $second i32) (param $count i32)",
    "",
    eachVector(
      4,
      `(v128.store (local.get $at)
          (${operation} (v128.load (local.get $at)) (v128.load (local.get $second))))
        (local.set $second (i32.add (local.get $second) (i32.const 16)))`,
    ),
  );
}

/** Eight halves to two vectors of floats at a time. */
function widen(name: string, floats: string): string {
  const half = (which: "low" | "high", offset: number) => `
        (local.set $x (i32x4.extend_${which}_i16x8_u (local.get $h)))
        (v128.store offset=${offset} (local.get $floats) ${floats})`;
  return exported(
    name,
    "(param $at i32) (param $floats i32) (param $count i32)",
    "(local $h v128) (local $x v128)",
    eachVector(
      2,
      `(local.set $h (v128.load (local.get $at))) ${half("low", 0)} ${half("high", 16)}
        (local.set $floats (i32.add (local.get $floats) (i32.const 32)))`,
    ),
  );
}

/** A bfloat16 is the upper half of a float32. */
const FROM_BFLOAT16 = `(i32x4.shl ${x} (i32.const 16))`;

/**
 * Its exponent and fraction, at the places of a float32's, are those of 2⁻¹¹² times the value, subnormals
 * included; a product sets the exponent right. NaN and infinity get the highest exponent again.
 */
const FROM_FLOAT16 = `(v128.or
  (v128.or
    (f32x4.mul (i32x4.shl (v128.and ${x} ${all("0x7fff")}) (i32.const 13)) ${real("0x1p112")})
    (v128.and
      (i32x4.ge_u (v128.and ${x} ${all("0x7fff")}) ${all("0x7c00")})
      ${all("0x7f800000")}))
  (i32x4.shl (v128.and ${x} ${all("0x8000")}) (i32.const 16)))`;

const SIGN = `(v128.bitselect
  ${real("-1")}
  (v128.bitselect ${real("1")} (local.get $ofZero) (f32x4.gt ${x} ${real("0")}))
  (f32x4.lt ${x} ${real("0")}))`;

/** The module, with a memory of so many pages. */
export function kernelTexts(pages: number): string {
  return `(module
    (memory (export "memory") ${pages})
    ${widen("widenBF16", FROM_BFLOAT16)}
    ${widen("widenF16", FROM_FLOAT16)}
    ${pairwise("subtract", "f32x4.sub")}
    ${pairwise("add", "f32x4.add")}
    ${ROUNDING}
    ${
    exported(
      "signOf",
      "(param $at i32) (param $signs i32) (param $zero i32) (param $count i32)",
      "(local $x v128) (local $ofZero v128)",
      `(local.set $ofZero (f32x4.splat (f32.convert_i32_s (local.get $zero))))` + eachVector(
        4,
        `(local.set $x (v128.load (local.get $at)))
        (v128.store (local.get $signs) ${SIGN})
        (local.set $signs (i32.add (local.get $signs) (i32.const 16)))`,
      ),
    )
  }
    ${
    exported(
      "allFinite",
      "(param $at i32) (param $count i32) (result i32)",
      "(local $x v128) (local $beyond v128)",
      `${
        eachVector(
          4,
          `(local.set $x (v128.and (v128.load (local.get $at)) ${all("0x7f800000")}))
        (local.set $beyond
          (v128.or (local.get $beyond) (i32x4.eq ${x} ${all("0x7f800000")})))`,
        )
      }
      (i32.eqz (v128.any_true (local.get $beyond)))`,
    )
  }
    ${ADD_SIGNS}
    ${SIGN_PRODUCTS}
    ${TERMS}
    ${SPARSE}
    ${INTEGERS})`;
}

/**
 * A word's bits are tested four at a time: where bit k is not set, the sign bit of the scale is turned. Rounds as
 * a product of ±scale with the column's factor and a sum do.
 */
const ADD_SIGNS = exported(
  "addSigns",
  `(param $at i32) (param $words i32) (param $stride i32) (param $scale f32) (param $columns i32)
    (param $count i32)`,
  `(local $word v128) (local $left i32) (local $x v128) (local $of v128)
    (local $place v128) (local $first v128)`,
  `(local.set $first (v128.const i32x4 1 2 4 8))
    (local.set $of (f32x4.splat (local.get $scale)))
    ${
    eachVector(
      4,
      `(if (i32.eqz (local.get $left)) (then
          (local.set $word (v128.load32_splat (local.get $words)))
          (local.set $words (i32.add (local.get $words) (local.get $stride)))
          (local.set $place (local.get $first))
          (local.set $left (i32.const 8))))
        (local.set $x (v128.xor (local.get $of) (v128.and ${all("0x80000000")}
          (i32x4.ne (v128.and (local.get $word) (local.get $place)) (local.get $place)))))
        (if (local.get $columns) (then
          (local.set $x (f32x4.mul ${x} (v128.load (local.get $columns))))
          (local.set $columns (i32.add (local.get $columns) (i32.const 16)))))
        (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) ${x}))
        (local.set $place (i32x4.shl (local.get $place) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))`,
    )
  }`,
);
