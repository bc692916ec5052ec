/**
 * Look-ups in tables: sums of what four signs at a time make, of sixteen outputs in one register.
 *
 * Lower and upper bytes are added up apart. Of the bytes that two outputs have in a word of sixteen bits, two sums are
 * kept: both = even + 256 · odd, which overflows, and odd, which does not in a block, so that even = both − 256 · odd
 * in sixteen bits.
 */

import { declared, during, grow, minus, rangeOf, repeat, vector } from "../loops.ts";
import { get, set, times, whole } from "../text.ts";
import { BIAS, TABLE, WORD_TABLES } from "./tables.ts";

/** 0, which the compiler does not know. */
const ZERO = `(i32.shr_u ${get("wordCount")} (i32.const 31))`;

/** Locals that {@linkcode SET_PATTERNS} sets: constants would be made anew each time. */
export const PATTERNS: readonly string[] = ["nibbles", "byBytes"];

/** Lower halves of bytes; and bytes of four words, the first of each, the second, … */
export const SET_PATTERNS: string = `
  ${set("nibbles", `(i8x16.splat (i32.add (i32.const 15) ${ZERO}))`)}
  ${
  set(
    "byBytes",
    `(v128.or (i8x16.splat ${ZERO}) (v128.const i8x16 0 4 8 12 1 5 9 13 2 6 10 14 3 7 11 15))`,
  )
}`;

/** Bytes of a first and of a second vector beside each other. */
const JOINS = {
  lowWords: "0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23",
  highWords: "8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31",
  lowHalves: "0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23",
  highHalves: "8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31",
  lowShorts: "0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23",
  highShorts: "8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31",
} as const;

const joined = (which: keyof typeof JOINS, first: string, second: string) =>
  `(i8x16.shuffle ${JOINS[which]} ${get(first)} ${get(second)})`;

/** `$byte0` up to `$byte3`: the same byte of the words of sixteen outputs, of each line. */
const setBytes = (line: number) =>
  `${
    repeat(4, (at) =>
      set(
        `four${at}`,
        `(i8x16.relaxed_swizzle ${vector(get("from"), 64 * line + 16 * at)} ${get("byBytes")})`,
      ))
  }
  ${set("low01", joined("lowWords", "four0", "four1"))}
  ${set("low23", joined("lowWords", "four2", "four3"))}
  ${set("high01", joined("highWords", "four0", "four1"))}
  ${set("high23", joined("highWords", "four2", "four3"))}
  ${set(`byte0of${line}`, joined("lowHalves", "low01", "low23"))}
  ${set(`byte1of${line}`, joined("highHalves", "low01", "low23"))}
  ${set(`byte2of${line}`, joined("lowHalves", "high01", "high23"))}
  ${set(`byte3of${line}`, joined("highHalves", "high01", "high23"))}`;

const PARTS = ["lower", "upper"];

/** Of one of the eight tables of a word: a byte's lower or upper four bits say which number. */
function lookUp(table: number, lines: number): string {
  const index = (line: number) => {
    const byte = get(`byte${table >> 1}of${line}`);
    const shifted = table & 1 ? `(i16x8.shr_u ${byte} (i32.const 4))` : byte;
    return set(`index${line}`, `(v128.and ${get("nibbles")} ${shifted})`);
  };
  const ofPart = (part: string, line: number) => {
    const [both, odd] = [`${part}Both${line}`, `${part}Odd${line}`];
    return `${set("found", `(i8x16.relaxed_swizzle ${get("table")} ${get(`index${line}`)})`)}
    ${set(both, `(i16x8.add ${get(both)} ${get("found")})`)}
    ${set(odd, `(i16x8.add ${get(odd)} (i16x8.shr_u ${get("found")} (i32.const 8)))`)}`;
  };
  return `${repeat(lines, index)}
  ${
    repeat(2, (at) =>
      `${set("table", vector(get("tables"), TABLE * table + 16 * at))}
      ${repeat(lines, (line) => ofPart(PARTS[at], line))}`)
  }`;
}

/** What was kept of bytes becomes their sums, of the first eight outputs and of the last. */
function parted(part: string, line: number): string {
  const [both, odd] = [`${part}Both${line}`, `${part}Odd${line}`];
  return `${set("even", `(i16x8.sub ${get(both)} (i16x8.shl ${get(odd)} (i32.const 8)))`)}
  ${set("odd", get(odd))}
  ${set(both, joined("lowShorts", "even", "odd"))}
  ${set(odd, joined("highShorts", "even", "odd"))}`;
}

/** Adds sums of tables, less what stands for 0, times the unit, to those of sixteen outputs. */
function added(line: number): string {
  return `${PARTS.map((part) => parted(part, line)).join("\n")}
  ${
    repeat(4, (quarter) => {
      const wide = (part: string) =>
        `(i32x4.extend_${quarter & 1 ? "high" : "low"}_i16x8_u
          ${get(`${part}${["Both", "Odd"][quarter >> 1]}${line}`)})`;
      const offset = 64 * line + 16 * quarter;
      return `(v128.store offset=${offset} ${get("sums")} (f32x4.add
        ${vector(get("sums"), offset)}
        (f32x4.mul ${get("unit")} (f32x4.convert_i32x4_s (i32x4.sub
          (i32x4.add (i32x4.shl ${wide("upper")} (i32.const 8)) ${wide("lower")})
          ${get("bias")})))))`;
    })
  }`;
}

/**
 * The function of `lines` times sixteen outputs: adds what `$count` words of a block, from `$from` on, come to.
 */
export function lookUps(lines: number): string {
  const kept = rangeOf(lines).flatMap((line) => [
    ...rangeOf(4).map((byte) => `byte${byte}of${line}`),
    ...PARTS.flatMap((part) => [`${part}Both${line}`, `${part}Odd${line}`]),
    `index${line}`,
  ]);
  const passing = ["bias", "table", "found", "even", "odd", "low01", "low23", "high01", "high23"];
  const fours = rangeOf(4).map((at) => `four${at}`);
  return `(func $lookUps${lines} ${declared("param", "v128", [...PATTERNS, "unit"])}
      ${declared("param", "i32", ["from", "stride", "tables", "count", "sums"])}
    ${declared("local", "v128", [...kept, ...passing, ...fours])}
    ${set("bias", `(i32x4.splat ${times(get("count"), whole(8 * BIAS))})`)}
    ${
    during(
      get("count"),
      `${repeat(lines, setBytes)}
      ${repeat(8, (table) => lookUp(table, lines))}
      ${grow("from", get("stride"))}
      ${grow("tables", whole(WORD_TABLES))}
      ${set("count", minus(get("count"), whole(1)))}`,
    )
  }
    ${repeat(lines, added)})`;
}

/** Calls it with the caller's locals of the same names. */
export function callLookUps(lines: number): string {
  const names = [...PATTERNS, "unit", "from", "stride", "tables", "count", "sums"];
  return `(call $lookUps${lines} ${names.map(get).join(" ")})`;
}
