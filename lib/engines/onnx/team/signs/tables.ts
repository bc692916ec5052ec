/**
 * Tables of the sums that signs make of four inputs each, in whole numbers of sixteen bits: a byte of each of sixteen
 * numbers is what one instruction looks up for sixteen outputs.
 *
 * A block of 512 inputs has a unit, of which the largest sum of four magnitudes is 32767, so that a number is off by
 * half a unit at most; all that is added up of a block is exact.
 */

import {
  clear,
  copy,
  declared,
  during,
  grow,
  least,
  minus,
  rangeOf,
  repeat,
  vector,
  words,
} from "../loops.ts";
import { get, set, stepFunction, sum, times, whole } from "../text.ts";

/** Inputs of a block. */
export const BLOCK = 512;

/** Words of masks in a block. */
export const BLOCK_WORDS: number = BLOCK / 32;

/** Bytes of a table: sixteen lower bytes, then the upper ones. */
export const TABLE = 32;

/** Bytes of the tables of a word, in the order of its bits. */
export const WORD_TABLES: number = 8 * TABLE;

/** What stands for 0 in a table. */
export const BIAS: number = 2 ** 15;

/** A float32 that this is added to is rounded to a whole number, with {@linkcode BIAS} in its lowest sixteen bits. */
const MAGIC = 1.5 * 2 ** 23 + BIAS;

/** Where all sums are smaller they are taken as zeros: there would be no unit. */
const LEAST = "0x1p-100";

/** Bytes that all threads share: tables of each row, then units of its blocks. */
export function sharedBytes(rows: number, inputs: number): number {
  return rows * (Math.ceil(inputs / 32) * WORD_TABLES + 4 * Math.ceil(inputs / BLOCK));
}

/** What both steps are called with. */
export const NAMES: readonly string[] = [
  "x",
  "masks",
  "groups",
  "y",
  "rows",
  "inputs",
  "outputs",
  "strip",
];

/** Locals that {@linkcode SET_PLACES} sets. */
export const PLACES: readonly string[] = ["wordCount", "blocks", "rowTables", "units"];

/** How many words and blocks a row has, bytes of its tables, and where units are. */
export const SET_PLACES: string = `
  ${set("wordCount", `(i32.shr_u ${sum(get("inputs"), whole(31))} (i32.const 5))`)}
  ${set("blocks", `(i32.shr_u ${sum(get("inputs"), whole(BLOCK - 1))} (i32.const 9))`)}
  ${set("rowTables", times(get("wordCount"), whole(WORD_TABLES)))}
  ${set("units", sum(get("shared"), times(get("rows"), get("rowTables"))))}`;

const real = (...lanes: (number | string)[]) => `(v128.const f32x4 ${lanes.join(" ")})`;
const splat = (offset: number) => `(v128.load32_splat offset=${offset} ${get("at")})`;
const swapped = (name: string, lanes: string) =>
  `(i8x16.shuffle ${lanes} ${get(name)} ${get(name)})`;

/** Sixteen sums of four inputs: a bit that is set is +1, the lowest that of the first. */
const OF_FOUR = `
  ${
  set(
    "pair",
    `(f32x4.add
      (f32x4.mul ${splat(0)} ${real(-1, 1, -1, 1)})
      (f32x4.mul ${splat(4)} ${real(-1, -1, 1, 1)}))`,
  )
}
  ${set("sum", `(f32x4.add ${splat(8)} ${splat(12)})`)}
  ${set("difference", `(f32x4.sub ${splat(8)} ${splat(12)})`)}
  ${
  repeat(4, (at) =>
    set(
      `entry${at}`,
      `(v128.and (v128.const i32x4 65535 65535 65535 65535) (f32x4.add ${get("magic")}
        (f32x4.mul ${get("inverse")} (f32x4.${at === 0 || at === 2 ? "sub" : "add"} ${get("pair")}
          ${get(at === 0 || at === 3 ? "sum" : "difference")}))))`,
    ))
}
  ${set("lower", `(i16x8.narrow_i32x4_u ${get("entry0")} ${get("entry1")})`)}
  ${set("upper", `(i16x8.narrow_i32x4_u ${get("entry2")} ${get("entry3")})`)}
  (v128.store ${get("to")} (i8x16.narrow_i16x8_u
    (v128.and ${get("lower")} (v128.const i16x8 255 255 255 255 255 255 255 255))
    (v128.and ${get("upper")} (v128.const i16x8 255 255 255 255 255 255 255 255))))
  (v128.store offset=16 ${get("to")} (i8x16.narrow_i16x8_u
    (i16x8.shr_u ${get("lower")} (i32.const 8)) (i16x8.shr_u ${get("upper")} (i32.const 8))))`;

/** The step `tabulate`, of which each item is a block of a row. */
export const TABULATE: string = stepFunction(
  "tabulate",
  NAMES,
  `    ${
    declared("local", "i32", [
      ...PLACES,
      "row",
      "block",
      "count",
      "at",
      "to",
      "last",
    ])
  }
    ${
    declared("local", "v128", [
      "v",
      "most",
      "pair",
      "sum",
      "difference",
      "inverse",
      "magic",
      "lower",
      "upper",
      ...rangeOf(4).map((at) => `entry${at}`),
    ])
  }
    (local $largest f32)
`,
  `    ${SET_PLACES}
    ${set("magic", real(...Array(4).fill(MAGIC)))}
    ${
    during(
      `(i32.lt_u ${get("first")} ${get("end")})`,
      `${set("row", `(i32.div_u ${get("first")} ${get("blocks")})`)}
    ${set("block", `(i32.rem_u ${get("first")} ${get("blocks")})`)}
    ${set("count", least(whole(BLOCK), minus(get("inputs"), times(get("block"), whole(BLOCK)))))}
    ${clear(get("own"), whole(4 * BLOCK))}
    ${
        copy(
          get("own"),
          sum(
            get("x"),
            words(sum(times(get("row"), get("inputs")), times(get("block"), whole(BLOCK)))),
          ),
          words(get("count")),
        )
      }
    ${set("at", get("own"))}
    ${
        set(
          "last",
          sum(
            get("own"),
            times(
              whole(128),
              `(i32.shr_u ${sum(get("count"), whole(31))} (i32.const 5))`,
            ),
          ),
        )
      }
    ${set("most", real(0, 0, 0, 0))}
    ${
        during(
          `(i32.lt_u ${get("at")} ${get("last")})`,
          `${set("v", `(f32x4.abs ${vector(get("at"))})`)}
        ${
            set(
              "v",
              `(f32x4.add ${get("v")} ${swapped("v", "8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7")})`,
            )
          }
        ${
            set(
              "v",
              `(f32x4.add ${get("v")} ${swapped("v", "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11")})`,
            )
          }
        ${set("most", `(f32x4.max ${get("most")} ${get("v")})`)}
        ${grow("at", whole(16))}`,
        )
      }
    ${set("largest", `(f32x4.extract_lane 0 ${get("most")})`)}
    (if (f32.lt ${get("largest")} (f32.const ${LEAST})) (then
      ${set("largest", "(f32.const 0)")}
      ${set("inverse", real(0, 0, 0, 0))})
    (else ${set("inverse", `(f32x4.splat (f32.div (f32.const 32767) ${get("largest")}))`)}))
    (f32.store ${sum(get("units"), words(sum(times(get("row"), get("blocks")), get("block"))))}
      (f32.div ${get("largest")} (f32.const 32767)))
    ${set("at", get("own"))}
    ${
        set(
          "to",
          sum(
            sum(get("shared"), times(get("row"), get("rowTables"))),
            times(get("block"), whole(BLOCK_WORDS * WORD_TABLES)),
          ),
        )
      }
    ${
        during(
          `(i32.lt_u ${get("at")} ${get("last")})`,
          `${OF_FOUR} ${grow("at", whole(16))} ${grow("to", whole(TABLE))}`,
        )
      }
    ${grow("first", whole(1))}`,
    )
  }`,
);
