/**
 * The text of the kernels that form a matrix of double binary factors, in WebAssembly's own notation: what each
 * does says `float_kernels.ts`. Four inner signs of a row have sixteen patterns: what they and the vectors of the
 * columns come to is added up once, and each row adds those of its patterns, a quarter of the sums.
 */

import { all, eachVector, exported, x } from "./kernel_text.ts";

/** Columns of a strip. */
export const STRIP = 64;

/** Inner signs that a turn takes, in groups of four. */
export const INNER = 32;

/** Bytes of a row of a strip, and of the sixteen rows of a group. */
const [ROW, GROUP] = [4 * STRIP, 16 * 4 * STRIP];

/** Bytes of the tables of all groups. */
export const TABLES: number = (INNER / 4) * GROUP;

const groups = Array.from({ length: INNER / 4 }, (_, group) => group);

/** ±middle, four columns at a time, of the four inner signs of group `$group`. */
const signed = [0, 1, 2, 3].map((sign) => `
  (local.set $s${sign} (v128.xor
    (v128.load32_splat offset=${4 * sign} (local.get $middle))
    (v128.and ${all("0x80000000")} (i32x4.ne
      (v128.and (v128.load32_splat offset=${4 * sign} (local.get $word)) (local.get $place))
      (local.get $place)))))`).join("");

/** The sums of a pattern of signs, the first lowest; that of the opposite pattern is its opposite. */
const patterns = [0, 1, 2, 3, 4, 5, 6, 7].map((low) => {
  const sum = [0, 1, 2, 3].reduce((before, sign) => {
    const term = `(local.get $s${sign})`;
    const isSet = low >> sign & 1;
    if (before === "") return isSet ? term : `(f32x4.neg ${term})`;
    return `(f32x4.${isSet ? "add" : "sub"} ${before} ${term})`;
  }, "");
  return `
  (local.set $x ${sum})
  (v128.store offset=${low * ROW} (local.get $table) ${x})
  (v128.store offset=${(15 - low) * ROW} (local.get $table) (f32x4.neg ${x}))`;
}).join("");

const TABULATE = exported(
  "tabulateSigns",
  "(param $at i32) (param $words i32) (param $middle i32)",
  `(local $word i32) (local $group i32) (local $column i32) (local $table i32)
    (local $place v128) (local $x v128) (local $first v128)
    ${[0, 1, 2, 3].map((sign) => `(local $s${sign} v128)`).join(" ")}`,
  `(local.set $first (v128.const i32x4 1 2 4 8))
    (loop $nextGroup
      (local.set $column (i32.const 0))
      (loop $nextColumns
        (local.set $table (i32.add (local.get $at) (i32.shl (local.get $column) (i32.const 2))))
        (local.set $word (i32.add (local.get $words)
          (i32.mul (i32.shr_u (local.get $column) (i32.const 5)) (i32.const ${4 * INNER}))))
        (local.set $place
          (i32x4.shl (local.get $first) (i32.and (local.get $column) (i32.const 31))))
        ${signed}
        ${patterns}
        (local.set $column (i32.add (local.get $column) (i32.const 4)))
        (br_if $nextColumns (i32.lt_u (local.get $column) (i32.const ${STRIP}))))
      (local.set $at (i32.add (local.get $at) (i32.const ${GROUP})))
      (local.set $words (i32.add (local.get $words) (i32.const 16)))
      (local.set $middle (i32.add (local.get $middle) (i32.const 16)))
      (local.set $group (i32.add (local.get $group) (i32.const 1)))
      (br_if $nextGroup (i32.lt_u (local.get $group) (i32.const ${groups.length}))))`,
);

const ADD_TABULATED = exported(
  "addTabulated",
  "(param $at i32) (param $words i32) (param $tables i32) (param $rows i32)",
  `(local $row i32) (local $word i32) (local $shift i32) (local $x v128)
    (local $endOfRow i32) ${groups.map((group) => `(local $p${group} i32)`).join(" ")}`,
  `(loop $nextRow
      (local.set $shift (i32.sub (i32.const 31) (i32.and (local.get $row) (i32.const 31))))
      (local.set $word (i32.add (local.get $words)
        (i32.mul (i32.shr_u (local.get $row) (i32.const 5)) (i32.const ${4 * INNER}))))
      ${
    groups.map((group) => `
      (local.set $p${group} (i32.add (local.get $tables) (i32.mul (i32.const ${ROW})
        (i32x4.bitmask (i32x4.shl (v128.load offset=${16 * group} (local.get $word))
          (local.get $shift))))))`).join("")
  }
      (local.set $endOfRow (i32.add (local.get $at) (i32.const ${ROW})))
      (loop $nextColumns
        (local.set $x (v128.load (local.get $at)))
        ${
    groups.map((group) => `
        (local.set $x (f32x4.add ${x} (v128.load offset=${group * GROUP} (local.get $p${group}))))
        (local.set $p${group} (i32.add (local.get $p${group}) (i32.const 16)))`).join("")
  }
        (v128.store (local.get $at) ${x})
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $nextColumns (i32.lt_u (local.get $at) (local.get $endOfRow))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $nextRow (i32.lt_u (local.get $row) (local.get $rows))))`,
);

const ADD_SCALED = exported(
  "addScaled",
  "(param $at i32) (param $values i32) (param $scale f32) (param $columns i32) (param $count i32)",
  "(local $x v128) (local $of v128)",
  `(local.set $of (f32x4.splat (local.get $scale)))
    ${
    eachVector(
      4,
      `(local.set $x (f32x4.mul (f32x4.mul (v128.load (local.get $values)) (local.get $of))
          (v128.load (local.get $columns))))
        (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) ${x}))
        (local.set $values (i32.add (local.get $values) (i32.const 16)))
        (local.set $columns (i32.add (local.get $columns) (i32.const 16)))`,
    )
  }`,
);

/** All of them. */
export const SIGN_PRODUCTS: string = [TABULATE, ADD_TABULATED, ADD_SCALED].join("\n");
