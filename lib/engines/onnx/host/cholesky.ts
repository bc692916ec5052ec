/**
 * Cholesky's factor of a small matrix and its inverse, in float64: Golub & Van Loan, "Matrix Computations", 4th ed.,
 * algorithm 4.2.2 row by row, and forward substitution on the identity. An upper factor is the lower one of the
 * matrix read from its end, written from its end.
 */

import { eachOf, type HostKernel } from "./kernel.ts";

/** Address of element `$row`, `$column` of a float64 matrix whose rows are `$stride` bytes apart. */
const at = (matrix: string, row: string, column: string) =>
  `(i32.add (local.get $${matrix}) (i32.add
    (i32.mul (local.get $${row}) (local.get $stride)) (i32.shl ${column} (i32.const 3))))`;

const get = (name: string) => `(local.get $${name})`;

/** Address of element `$row`, `$column` of a float32 matrix that begins at `$matrix`, or ends there. */
const stored = (matrix: string, row: string, column: string) =>
  `(i32.add (local.get $${matrix}) (i32.mul (local.get $step) (i32.add
    (i32.mul (local.get $${row}) (local.get $n)) (local.get $${column}))))`;

/** W = L in float64; $sum is what is left of aᵢⱼ. */
const FACTOR = eachOf(
  "i",
  "(i32.const 0)",
  get("n"),
  eachOf(
    "j",
    "(i32.const 0)",
    `(i32.add ${get("i")} (i32.const 1))`,
    `(local.set $sums (v128.const f64x2 0 0))
    (local.set $p ${at("w", "i", "(i32.const 0)")})
    (local.set $q ${at("w", "j", "(i32.const 0)")})
    ${
      eachOf(
        "k",
        "(i32.const 0)",
        `(i32.shr_u (i32.add ${get("j")} (i32.const 1)) (i32.const 1))`,
        `(local.set $sums (f64x2.add (local.get $sums)
          (f64x2.mul (v128.load (local.get $p)) (v128.load (local.get $q)))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (local.set $q (i32.add (local.get $q) (i32.const 16)))`,
      )
    }
    (local.set $sum (f64.sub (f64.promote_f32 (f32.load ${stored("a", "i", "j")}))
      (f64.add (f64x2.extract_lane 0 (local.get $sums)) (f64x2.extract_lane 1 (local.get $sums)))))
    (if (i32.eq (local.get $i) (local.get $j))
      (then
        (local.set $sum (f64.add (local.get $sum) (f64.promote_f32 (f32.load (local.get $ridge)))))
        (f32.store (i32.add (local.get $pivots) (i32.mul (local.get $step) (local.get $i)))
          (f32.demote_f64 (local.get $sum)))
        (local.set $sum (if (result f64) (f64.gt (local.get $sum) (f64.const 0))
          (then (f64.sqrt (local.get $sum)))
          (else (f64.const 1)))))
      (else
        (local.set $pivot (f64.load ${at("w", "j", get("j"))}))
        (local.set $sum (if (result f64)
          (f32.gt (f32.load (i32.add (local.get $pivots) (i32.mul (local.get $step) (local.get $j))))
            (f32.const 0))
          (then (f64.div (local.get $sum) (local.get $pivot)))
          (else (f64.const 0))))))
    (f64.store ${at("w", "i", get("j"))} (local.get $sum))`,
  ),
);

/** Rows of X = L⁻¹: what the rows before leave of the identity's, divided. */
const INVERSE = eachOf(
  "i",
  "(i32.const 0)",
  get("n"),
  `(f64.store ${at("x", "i", get("i"))} (f64.const 1))
  ${
    eachOf(
      "j",
      "(i32.const 0)",
      get("i"),
      `(local.set $factors (f64x2.splat (f64.load ${at("w", "i", get("j"))})))
      ${
        onRow(
          `(f64x2.sub (v128.load (local.get $p))
            (f64x2.mul (local.get $factors) (v128.load (local.get $q))))`,
          "j",
        )
      }`,
    )
  }
  (local.set $factors (f64x2.splat (f64.load ${at("w", "i", get("i"))})))
  ${onRow("(f64x2.div (v128.load (local.get $p)) (local.get $factors))", "i")}`,
);

/** Sets row i of X, up to a column, two numbers at a time: `$p` runs along it, `$q` along row j. */
function onRow(value: string, last: string): string {
  return `(local.set $p ${at("x", "i", "(i32.const 0)")})
    (local.set $q ${at("x", "j", "(i32.const 0)")})
    ${
    eachOf(
      "k",
      "(i32.const 0)",
      `(i32.add (i32.shr_u ${get(last)} (i32.const 1)) (i32.const 1))`,
      `(v128.store (local.get $p) ${value})
      (local.set $p (i32.add (local.get $p) (i32.const 16)))
      (local.set $q (i32.add (local.get $q) (i32.const 16)))`,
    )
  }`;
}

/** Both as float32; what lies above the diagonal is zero. */
const STORE = eachOf(
  "i",
  "(i32.const 0)",
  get("n"),
  eachOf(
    "j",
    "(i32.const 0)",
    get("n"),
    `(f32.store ${stored("factor", "i", "j")} (f32.demote_f64 (f64.load ${at("w", "i", get("j"))})))
    (f32.store ${stored("inverse", "i", "j")} (f32.demote_f64 (f64.load ${
      at("x", "i", get("j"))
    })))`,
  ),
);

const TEXT = `(module
  (memory (export "memory") 1)
  (func (export "run") (param $a i32) (param $ridge i32) (param $factor i32) (param $w i32) (param $n i32)
      (param $upper i32)
    (local $inverse i32) (local $pivots i32) (local $x i32) (local $stride i32) (local $step i32)
    (local $i i32) (local $j i32) (local $k i32) (local $p i32) (local $q i32) (local $size i32)
    (local $sums v128) (local $factors v128) (local $sum f64) (local $pivot f64)
    (local.set $stride (i32.shl (i32.and (i32.add ${get("n")} (i32.const 1)) (i32.const -2))
      (i32.const 3)))
    (local.set $size (i32.mul ${get("n")} (local.get $stride)))
    (local.set $x (i32.add (local.get $w) (local.get $size)))
    (memory.fill (local.get $w) (i32.const 0) (i32.shl (local.get $size) (i32.const 1)))
    (local.set $size (i32.shl (i32.mul ${get("n")} ${get("n")}) (i32.const 2)))
    (local.set $inverse (i32.add (local.get $factor) (local.get $size)))
    (local.set $pivots (i32.add (local.get $inverse) (local.get $size)))
    (local.set $step (i32.const 4))
    (if (local.get $upper)
      (then
        (local.set $step (i32.const -4))
        (local.set $size (i32.sub (local.get $size) (i32.const 4)))
        (local.set $a (i32.add (local.get $a) (local.get $size)))
        (local.set $factor (i32.add (local.get $factor) (local.get $size)))
        (local.set $inverse (i32.add (local.get $inverse) (local.get $size)))
        (local.set $pivots (i32.add (local.get $pivots)
          (i32.shl (i32.sub ${get("n")} (i32.const 1)) (i32.const 2))))))
    ${FACTOR} ${INVERSE} ${STORE}))`;

/** Of a matrix of any width; the graph's op says which are wanted. */
export const choleskyKernel: HostKernel = {
  text: TEXT,
  scratchBytes: ({ shape: [, n] }) => 2 * 8 * n * (n + 1),
  parameters: ({ shape: [, n], attributes }) => [n, Number(attributes.upper)],
};
