/**
 * Coordinate descent over the signs of rows that are coupled, one after another: see the op `signSweep`. Of a row, what
 * its own steps come to is kept in the output, and what the rows before it do to its gradient is added up first.
 */

import { eachOf, type HostKernel } from "./kernel.ts";

const get = (name: string) => `(local.get $${name})`;

/** Address of row `$row` of a matrix. */
const rowAt = (matrix: string, row: string) =>
  `(i32.add ${get(matrix)} (i32.mul ${row} (local.get $stride)))`;

/** `$p` += `$factor` · `$q`, along rows of `$width` floats, which are moved along. */
const ADD_MULTIPLE = `
  (local.set $factors (f32x4.splat (local.get $factor)))
  (local.set $end (i32.add (local.get $p)
    (i32.shl (i32.and (local.get $width) (i32.const -4)) (i32.const 2))))
  (block (loop
    (br_if 1 (i32.ge_u (local.get $p) (local.get $end)))
    (v128.store (local.get $p) (f32x4.add (v128.load (local.get $p))
      (f32x4.mul (local.get $factors) (v128.load (local.get $q)))))
    (local.set $p (i32.add (local.get $p) (i32.const 16)))
    (local.set $q (i32.add (local.get $q) (i32.const 16)))
    (br 0)))
  (local.set $end (i32.add (local.get $p)
    (i32.shl (i32.and (local.get $width) (i32.const 3)) (i32.const 2))))
  (block (loop
    (br_if 1 (i32.ge_u (local.get $p) (local.get $end)))
    (f32.store (local.get $p) (f32.add (f32.load (local.get $p))
      (f32.mul (local.get $factor) (f32.load (local.get $q)))))
    (local.set $p (i32.add (local.get $p) (i32.const 4)))
    (local.set $q (i32.add (local.get $q) (i32.const 4)))
    (br 0)))`;

/** What the rows before row l, of which `$moved` holds the steps, leave of its gradient. */
const COUPLED = `
  (local.set $c (f32.load (i32.add (local.get $outer) (i32.shl
    (i32.add (i32.mul ${get("l")} ${get("rows")}) ${get("l")}) (i32.const 2)))))
  ${
  eachOf(
    "u",
    "(i32.const 0)",
    get("l"),
    `(local.set $factor (f32.neg (f32.load (i32.add (local.get $outer) (i32.shl
      (i32.add (i32.mul ${get("l")} ${get("rows")}) ${get("u")}) (i32.const 2))))))
    (local.set $p (local.get $g))
    (local.set $q ${rowAt("moved", get("u"))})
    ${ADD_MULTIPLE}`,
  )
}`;

const PASS = eachOf(
  "j",
  "(i32.const 0)",
  get("width"),
  `(local.set $place (i32.shl (local.get $j) (i32.const 2)))
  (local.set $value (f32.load (i32.add (local.get $v) (local.get $place))))
  (local.set $factor (f32.mul (f32.const -2) (local.get $value)))
  (if (f32.lt
      (f32.mul (local.get $factor) (f32.sub
        (f32.mul (f32.mul (local.get $factor) (local.get $c))
          (f32.load (i32.add ${rowAt("inner", get("j"))} (local.get $place))))
        (f32.mul (f32.const 2) (f32.sub (f32.load (i32.add (local.get $g) (local.get $place)))
          (f32.mul (local.get $c) (f32.load (i32.add (local.get $m) (local.get $place))))))))
      (f32.const 0))
    (then
      (f32.store (i32.add (local.get $v) (local.get $place)) (f32.neg (local.get $value)))
      (local.set $turned (i32.const 1))
      (local.set $p (local.get $m))
      (local.set $q ${rowAt("inner", get("j"))})
      ${ADD_MULTIPLE}))`,
);

const TEXT = `(module
  (memory (export "memory") 1)
  (func (export "run") (param $values i32) (param $gradient i32) (param $inner i32) (param $outer i32)
      (param $y i32) (param $g i32) (param $rows i32) (param $width i32) (param $passes i32)
    (local $moved i32) (local $stride i32) (local $l i32) (local $u i32) (local $j i32)
    (local $pass i32) (local $turned i32) (local $v i32) (local $m i32) (local $place i32)
    (local $p i32) (local $q i32) (local $end i32)
    (local $c f32) (local $value f32) (local $factor f32) (local $factors v128)
    (local.set $stride (i32.shl (local.get $width) (i32.const 2)))
    (local.set $moved ${rowAt("y", get("rows"))})
    (memory.copy (local.get $y) (local.get $values) (i32.mul ${get("rows")} (local.get $stride)))
    (memory.fill (local.get $moved) (i32.const 0) (i32.mul ${get("rows")} (local.get $stride)))
    ${
  eachOf(
    "l",
    "(i32.const 0)",
    get("rows"),
    `(local.set $v ${rowAt("y", get("l"))})
      (local.set $m ${rowAt("moved", get("l"))})
      (memory.copy (local.get $g) ${rowAt("gradient", get("l"))} (local.get $stride))
      ${COUPLED}
      (local.set $turned (i32.const 1))
      ${
      eachOf(
        "pass",
        "(i32.const 0)",
        `(i32.mul ${get("passes")} (local.get $turned))`,
        `(local.set $turned (i32.const 0)) ${PASS}`,
      )
    }`,
  )
}))`;

/** Of rows that are coupled by C. */
export const coupledSignSweepKernel: HostKernel = {
  text: TEXT,
  scratchBytes: ({ shape: [, width] }) => 4 * width,
  parameters: ({ shape: [rows, width], attributes }) => [
    rows / 2,
    width,
    Number(attributes.passes),
  ],
};
