/** What is left of a system's right side, in float64. */

import { eachOf, type HostKernel } from "./kernel.ts";

const get = (name: string) => `(local.get $${name})`;
const add = (name: string, amount: string) =>
  `(local.set $${name} (i32.add ${get(name)} ${amount}))`;
const pair = (name: string) => `(f64x2.promote_low_f32x4 (v128.load64_zero ${get(name)}))`;
const single = (address: string) => `(f64.promote_f32 (f32.load ${address}))`;
const own = (vector: string) =>
  `(i32.add ${get(vector)} (i32.shl (i32.add ${get("begin")} ${get("i")}) (i32.const 2)))`;

const TEXT = `(module
  (memory (export "memory") 1)
  (func (export "run") (param $a i32) (param $x i32) (param $b i32) (param $ridge i32) (param $y i32)
      (param $scratch i32) (param $rows i32) (param $n i32) (param $begin i32)
    (local $i i32) (local $k i32) (local $q i32) (local $sums v128) (local $sum f64)
    ${
  eachOf(
    "i",
    "(i32.const 0)",
    get("rows"),
    `(local.set $q ${get("x")})
    (local.set $sums (v128.const f64x2 0 0))
    ${
      eachOf(
        "k",
        "(i32.const 0)",
        `(i32.shr_u ${get("n")} (i32.const 1))`,
        `(local.set $sums (f64x2.add ${get("sums")} (f64x2.mul ${pair("a")} ${pair("q")})))
        ${add("a", "(i32.const 8)")} ${add("q", "(i32.const 8)")}`,
      )
    }
    (local.set $sum (f64.add
      (f64x2.extract_lane 0 ${get("sums")}) (f64x2.extract_lane 1 ${get("sums")})))
    (if (i32.and ${get("n")} (i32.const 1))
      (then
        (local.set $sum (f64.add ${get("sum")} (f64.mul ${single(get("a"))} ${single(get("q"))})))
        ${add("a", "(i32.const 4)")}))
    (f32.store (i32.add ${get("y")} (i32.shl ${get("i")} (i32.const 2)))
      (f32.demote_f64 (f64.sub
        (f64.sub ${single(own("b"))} ${get("sum")})
        (f64.mul ${single(get("ridge"))} ${single(own("x"))}))))`,
  )
}))`;

/** Of rows of any number. */
export const residualKernel: HostKernel = {
  text: TEXT,
  scratchBytes: () => 0,
  parameters: ({ inputs: [{ shape: [rows, n] }], attributes }) => [
    rows,
    n,
    attributes.begin as number,
  ],
};
