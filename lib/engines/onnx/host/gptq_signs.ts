/** GPTQ over a block of inputs to signs with given scales, output by output, in float64: see the op `gptqSignBlock`. */

import { eachOf, type HostKernel } from "./kernel.ts";

const get = (name: string) => `(local.get $${name})`;

/** Address of a float32 in a matrix of as many columns as inputs. */
const stored = (matrix: string, row: string, column: string) =>
  `(i32.add ${get(matrix)} (i32.shl (i32.add (i32.mul ${row} ${get("width")}) ${column})
    (i32.const 2)))`;

const wide = (address: string) => `(f64.promote_f32 (f32.load ${address}))`;

/** Address of a float64 of the output's own row. */
const own = (column: string) => `(i32.add ${get("w")} (i32.shl ${column} (i32.const 3)))`;

const CHOOSE = `
  (local.set $value (f64.load ${own(get("j"))}))
  (local.set $size (f64.mul ${get("scale")} ${wide(stored("column", "(i32.const 0)", get("j")))}))
  (local.set $sign (select (f64.const -1) (f64.const 1)
    (f64.lt (f64.mul ${get("value")} ${get("size")}) (f64.const 0))))
  (f32.store ${stored("result", get("o"), get("j"))} (f32.demote_f64 ${get("sign")}))
  (local.set $value (f64.div
    (f64.sub ${get("value")} (f64.mul ${get("sign")} ${get("size")}))
    ${wide(stored("u", get("j"), get("j")))}))
  (f32.store ${stored("result", `(i32.add ${get("rows")} ${get("o")})`, get("j"))}
    (f32.demote_f64 ${get("value")}))
  ${
  eachOf(
    "k",
    `(i32.add ${get("j")} (i32.const 1))`,
    get("width"),
    `(f64.store ${own(get("k"))} (f64.sub (f64.load ${own(get("k"))})
      (f64.mul ${get("value")} ${wide(stored("u", get("j"), get("k")))})))`,
  )
}`;

const TEXT = `(module
  (memory (export "memory") 1)
  (func (export "run") (param $values i32) (param $u i32) (param $row i32) (param $column i32)
      (param $result i32) (param $w i32) (param $rows i32) (param $width i32)
    (local $o i32) (local $j i32) (local $k i32)
    (local $scale f64) (local $size f64) (local $value f64) (local $sign f64)
    ${
  eachOf(
    "o",
    "(i32.const 0)",
    get("rows"),
    `(local.set $scale ${wide(`(i32.add ${get("row")} (i32.shl ${get("o")} (i32.const 2)))`)})
    ${
      eachOf(
        "j",
        "(i32.const 0)",
        get("width"),
        `(f64.store ${own(get("j"))} ${wide(stored("values", get("o"), get("j")))})`,
      )
    }
    ${eachOf("j", "(i32.const 0)", get("width"), CHOOSE)}`,
  )
}))`;

/** Of any number of outputs. */
export const gptqSignKernel: HostKernel = {
  text: TEXT,
  scratchBytes: ({ shape: [, width] }) => 8 * width,
  parameters: ({ inputs: [{ shape }] }) => [...shape],
};
