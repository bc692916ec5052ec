/**
 * Products of few rows with signs by look-ups, for hardware: the sixteen sums ±x₀ ±x₁ ±x₂ ±x₃ of every four
 * inputs are tabled in workgroup memory, and four bits of a word choose one of them. The order of summation is
 * that of `few_rows_signs.ts`.
 *
 * **Why four.** An H100 adds some 28 tera-terms a second and looks up 7: 32 a processor and cycle. One row × 11008
 * × 4096 has 45 M signs: 11 M look-ups of four, 1.6 µs. Sixteen entries lie on sixteen of the 32 banks, so that 32
 * invocations that ask one table for whatever entries never wait for each other; tables of eight inputs are half as
 * many look-ups, but 32 choices among 256 meet on a bank 3.5 deep: 2.8 µs, and their sums cost 32 additions an
 * input where these cost 4. A look-up is about six instructions, 1.5 a sign: 2.4 µs. The mask is 5.6 MB: 2 µs. The
 * tables of a block of 32 columns are written with half as many stores as they are read with loads: 0.8 µs. All
 * together is below 12 µs, a third of what reading the same weight in bfloat16 takes at 2.5 TB/s.
 */

import type { Kernel } from "../kernel.ts";
import { type Candidate, oneKernel } from "./candidates.ts";
import { CHAINS, FOUR, fourInputs } from "./few_rows_signs.ts";
import { repeat } from "./product_tiles.ts";
import { GROUP_TEXT, groupReads, groupSizes, numberOfGroup } from "./row_groups.ts";
import type { SignedFactors } from "./sign_matmul.ts";

/** Invocations of a workgroup, and tables that it makes at a time: one each, 16 KiB in all. */
const LANES = 256;
/** Entries of a table: the sums of four inputs. */
const ENTRIES = 16;
/** Tables of a word. */
const TABLES = 8;
/** Rows that one workgroup has tables of; more rows are the work of two. */
const MOST_ROWS = 4;

/**
 * The product by workgroups of so many columns, 32 or 64: neighbours read neighbouring words of the mask, and
 * {@linkcode LANES} / columns invocations share the words of a column.
 */
export function lookupKernel(factors: SignedFactors, width: 32 | 64): Kernel {
  const { first, mask, grouped } = factors;
  const [rows, inner] = first.shape;
  const [words, columns] = mask.shape.slice(-2);
  // Rows of groups share no words.
  const passes = Math.ceil(rows / (grouped ? 1 : MOST_ROWS));
  const rowsOfPass = Math.ceil(rows / passes);
  // Whole rounds of the chains, as many as there are tables for.
  const wordsAtOnce = LANES / TABLES / (rowsOfPass === 3 ? MOST_ROWS : rowsOfPass);
  const tablesOfRow = wordsAtOnce * TABLES;
  const sharing = LANES / width;
  const owned = wordsAtOnce / sharing;
  const vector = inner % FOUR === 0;
  const eachRow = (line: (i: number) => string, separator?: string) =>
    repeat(rowsOfPass, line, separator);
  // With fewer invocations a column than chains, each has two of them.
  const chainsOwned = CHAINS / sharing;
  const eachWord = (line: (u: number) => string, separator?: string) =>
    repeat(owned, line, separator);
  const choices = (u: number) =>
    repeat(TABLES, (t) => {
      const at = `at${u} + ${t * ENTRIES}u + ${nibble(`choice${u}`, t)}`;
      const add = (i: number) =>
        `c${i}_${u % chainsOwned} += tables[at + ${i * tablesOfRow * ENTRIES}u];`;
      return `{ let at = ${at}; ${eachRow(add, " ")} }`;
    }, "\n  ");
  return {
    name: `${grouped ? "groupedSignMatmul" : "signMatmul"} of ${rows}, ${shapeName(width)}`,
    reads: {
      first: vector ? { operand: first, vector: FOUR } : first,
      mask,
      ...groupReads(grouped),
    },
    writes: { y: { shape: [rows, columns] } },
    sizes: { rows, columns, inner, words, ...grouped && groupSizes(grouped) },
    ...grouped && { factors: { absent: NaN } },
    workgroup: [LANES],
    groups: [Math.ceil(columns / width), passes],
    module: `
var<workgroup> tables: array<f32, ${LANES * ENTRIES}>;
${fourInputs(vector)}
${WRITE_TABLE}
${grouped ? GROUP_TEXT : ""}
fn word(index: u32, column: u32) -> u32 {
  return u32(mask[min(index, sizes.words - 1u) * sizes.columns + column]);
}`.trim(),
    body: `
let share = lane / ${width}u;
let column = group.x * ${width}u + lane % ${width}u;
let firstRow = group.y * ${rowsOfPass}u;
${
      grouped
        ? `let ofRow = rowGroups[firstRow];
let words = select(0u, sizes.words, is_here(ofRow));
let ofMask = min(piece_of(ofRow), sizes.held - 1u) * sizes.words * sizes.columns +
  min(column, sizes.columns - 1u);`
        : "let ofMask = min(column, sizes.columns - 1u);"
    }
let tabledRow = min(firstRow + lane / ${tablesOfRow}u, sizes.rows - 1u);
let tabledInput = lane % ${tablesOfRow}u * ${FOUR}u;
// See write_table: what turns the entries of a word's tables.
let turn = 0x33221100u + 0x44444444u * (share % 4u);
${eachWord((u) => `let at${u} = (share + ${u * sharing}u) * ${TABLES * ENTRIES}u;`)}
${eachWord((u) => `var next${u} = word(share + ${u * sharing}u, ofMask);`)}
var inputs = four_inputs(tabledRow, tabledInput);
${eachRow((i) => repeat(chainsOwned, (c) => `var c${i}_${c} = 0.0;`, " "))}
for (var begin = 0u; begin < ${grouped ? "words" : "sizes.words"}; begin += ${wordsAtOnce}u) {
  write_table(lane, inputs);
  ${eachWord((u) => `let choice${u} = next${u} ^ turn;`, "\n  ")}
  // What the next round needs is under way while this one is looked up.
  inputs = four_inputs(tabledRow, (begin + ${wordsAtOnce}u) * 32u + tabledInput);
  ${
      eachWord(
        (u) => `next${u} = word(begin + share + ${wordsAtOnce + u * sharing}u, ofMask);`,
        "\n  ",
      )
    }
  workgroupBarrier();
  ${eachWord(choices, "\n  ")}
  workgroupBarrier();
}
${
      eachRow((i) =>
        repeat(chainsOwned, (c) =>
          `tables[(${
            i * CHAINS + c * sharing
          }u + share) * ${width}u + lane % ${width}u] = c${i}_${c};`)
      )
    }
workgroupBarrier();
let row = firstRow + share;
if (share < ${rowsOfPass}u && row < sizes.rows && column < sizes.columns) {
  let at = share * ${CHAINS * width}u + lane % ${width}u;
  var sum = tables[at];
  ${repeat(CHAINS - 1, (c) => `sum += tables[at + ${(c + 1) * width}u];`, "\n  ")}
  y[row * sizes.columns + column] = ${
      grouped
        ? numberOfGroup(grouped, { group: "ofRow", row: "row", column: "column", sum: "sum" })
        : "sum"
    };
}`,
  };
}

/** WGSL: four bits of a word, from bit 4t on. */
function nibble(word: string, t: number): string {
  return t === 0
    ? `(${word} & 15u)`
    : t === 7
    ? `(${word} >> 28u)`
    : `((${word} >> ${4 * t}u) & 15u)`;
}

/**
 * Entry e of table t, bit i of e for +xᵢ, lies at 16t + (e xor ⌊t/2⌋ mod 16): 32 neighbours that write the same
 * entry of their tables write to 32 banks, as 32 that read entries of one table do to at most sixteen.
 */
const WRITE_TABLE = `
fn write_table(table: u32, x: vec4f) {
  let at = table * ${ENTRIES}u;
  let turn = table / 2u % ${ENTRIES}u;
  let low = vec4f(-x.x - x.y, x.x - x.y, x.y - x.x, x.x + x.y);
  let high = vec4f(-x.z - x.w, x.z - x.w, x.w - x.z, x.z + x.w);
  ${
  repeat(FOUR, (h) =>
    `{ let sums = low + vec4f(high[${h}]); ` +
    repeat(FOUR, (l) => `tables[at + (${4 * h + l}u ^ turn)] = sums[${l}];`, " ") + " }", "\n  ")
}
}`.trim();

/** `"lookups 32 columns"`. */
function shapeName(width: number): string {
  return `lookups ${width} columns`;
}

/** The candidates for so many rows, likeliest first: wider ones share tables among more columns. */
export function lookupCandidates(factors: SignedFactors): Candidate[] {
  const [rows] = factors.grouped ? [1] : factors.first.shape;
  const widths = rows <= 2 ? [32, 64] as const : [64, 32] as const;
  return widths.map((width) => oneKernel(shapeName(width), () => lookupKernel(factors, width)));
}
