/**
 * GPTQ over a block of inputs, output by output, in float64: see the op `gptqBlock`. Scales are rounded to float16
 * by its own rule, ties to even.
 */

import { eachOf, type HostKernel } from "./kernel.ts";

const get = (name: string) => `(local.get $${name})`;

/** Address of a float32 in row `row` of a matrix of as many columns as outputs. */
const stored = (matrix: string, row: string) =>
  `(i32.add ${get(matrix)} (i32.shl (i32.add (i32.mul ${row} ${get("columns")}) ${get("o")})
    (i32.const 2)))`;

/** Address of a float64 of the output's own weights. */
const own = (row: string) => `(i32.add ${get("w")} (i32.shl ${row} (i32.const 3)))`;

const factor = (row: string, column: string) =>
  `(f64.promote_f32 (f32.load (i32.add ${get("u")} (i32.shl
    (i32.add (i32.mul ${row} ${get("rows")}) ${column}) (i32.const 2)))))`;

/** Scale and zero point of the rows from `$i` on. */
const RANGE = `
  (local.set $low (f64.const 0))
  (local.set $high (f64.const 0))
  (local.set $last (i32.add ${get("i")} ${get("group")}))
  (if (i32.gt_u ${get("last")} ${get("rows")}) (then (local.set $last ${get("rows")})))
  ${
  eachOf(
    "j",
    get("i"),
    get("last"),
    `(local.set $low (f64.min ${get("low")} (f64.load ${own(get("j"))})))
    (local.set $high (f64.max ${get("high")} (f64.load ${own(get("j"))})))`,
  )
}
  (local.set $real (f32.demote_f64 (f64.div (f64.sub ${get("high")} ${get("low")}) ${get("most")})))
  (local.set $real (if (result f32) (f32.lt ${get("real")} (f32.const 0x1p-14))
    (then (f32.mul (f32.nearest (f32.mul ${get("real")} (f32.const 0x1p24))) (f32.const 0x1p-24)))
    (else
      (local.set $bits (i32.reinterpret_f32 ${get("real")}))
      (f32.reinterpret_i32 (i32.and (i32.const 0xffffe000) (i32.add ${get("bits")} (i32.add
        (i32.const 0xfff) (i32.and (i32.const 1) (i32.shr_u ${get("bits")} (i32.const 13))))))))))
  (local.set $scale (f64.promote_f32 ${get("real")}))
  (local.set $zero (f64.const 0))
  (if (f64.gt ${get("scale")} (f64.const 0)) (then
    (local.set $zero (f64.min ${get("most")}
      (f64.nearest (f64.div (f64.neg ${get("low")}) ${get("scale")}))))))
  (local.set $g (i32.add (i32.mul (i32.const 2) ${get("rows")})
    (i32.div_u ${get("i")} ${get("group")})))
  (f32.store ${stored("result", get("g"))} (f32.demote_f64 ${get("scale")}))
  (f32.store ${stored("result", `(i32.add ${get("g")} ${get("groups")})`)}
    (f32.demote_f64 ${get("zero")}))`;

const ROUND = `
  (local.set $value (f64.load ${own(get("i"))}))
  (local.set $q ${get("zero")})
  (if (f64.gt ${get("scale")} (f64.const 0)) (then
    (local.set $q (f64.min ${get("most")} (f64.max (f64.const 0) (f64.add ${get("zero")}
      (f64.nearest (f64.div ${get("value")} ${get("scale")}))))))))
  (local.set $value (f64.div
    (f64.sub ${get("value")} (f64.mul ${get("scale")} (f64.sub ${get("q")} ${get("zero")})))
    ${factor(get("i"), get("i"))}))
  (f32.store ${stored("result", get("i"))} (f32.demote_f64 ${get("value")}))
  (f32.store ${stored("result", `(i32.add ${get("rows")} ${get("i")})`)} (f32.demote_f64 ${
  get("q")
}))
  ${
  eachOf(
    "j",
    `(i32.add ${get("i")} (i32.const 1))`,
    get("rows"),
    `(f64.store ${own(get("j"))} (f64.sub (f64.load ${own(get("j"))})
      (f64.mul ${get("value")} ${factor(get("i"), get("j"))})))`,
  )
}`;

const TEXT = `(module
  (memory (export "memory") 1)
  (func (export "run") (param $weights i32) (param $u i32) (param $result i32) (param $w i32)
      (param $rows i32) (param $columns i32) (param $group i32) (param $width i32)
    (local $o i32) (local $i i32) (local $j i32) (local $g i32) (local $groups i32) (local $last i32)
    (local $bits i32) (local $real f32) (local $most f64) (local $low f64) (local $high f64)
    (local $scale f64) (local $zero f64) (local $value f64) (local $q f64)
    (local.set $most (f64.convert_i32_u (i32.sub (i32.shl (i32.const 1) ${get("width")})
      (i32.const 1))))
    (local.set $groups (i32.div_u (i32.sub (i32.add ${get("rows")} ${get("group")}) (i32.const 1))
      ${get("group")}))
    ${
  eachOf(
    "o",
    "(i32.const 0)",
    get("columns"),
    `${
      eachOf(
        "i",
        "(i32.const 0)",
        get("rows"),
        `(f64.store ${own(get("i"))} (f64.promote_f32 (f32.load ${stored("weights", get("i"))})))`,
      )
    }
    ${
      eachOf(
        "i",
        "(i32.const 0)",
        get("rows"),
        `(if (i32.eqz (i32.rem_u ${get("i")} ${get("group")})) (then ${RANGE})) ${ROUND}`,
      )
    }`,
  )
}))`;

/** Of any number of outputs. */
export const gptqKernel: HostKernel = {
  text: TEXT,
  scratchBytes: ({ inputs: [weights] }) => 8 * weights.shape[0],
  parameters: ({ inputs: [{ shape: [rows, columns] }], attributes: { group, bits } }) => [
    rows,
    columns,
    Number(group),
    Number(bits),
  ],
};
