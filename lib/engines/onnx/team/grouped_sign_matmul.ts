/**
 * `groupedSignMatmul` on the thread team: a piece of work is a strip of outputs of one row, which sixteen outputs at a
 * time look up what four signs at a time make.
 *
 * A block of inputs is off by as many halves of its unit as it has tables at most (`signs/tables.ts`); of normal
 * inputs a sum is off by 3e-5 of the sums' root mean square. Blocks are added in their order.
 */

import { checkGroups } from "./grouped_matmul.ts";
import { MEMORIES, type TeamOp } from "./kernel.ts";
import { clear, copy, declared, during, grow, least, minus, word, words } from "./loops.ts";
import { callLookUps, lookUps, PATTERNS, SET_PATTERNS } from "./signs/look_ups.ts";
import {
  BLOCK,
  BLOCK_WORDS,
  NAMES,
  PLACES,
  SET_PLACES,
  sharedBytes,
  TABULATE,
  WORD_TABLES,
} from "./signs/tables.ts";
import { get, set, stepFunction, sum, times, whole } from "./text.ts";

/** Outputs of a strip: words beside each other in memory, so at most a page of them. */
const [LEAST_STRIP, MOST_STRIP] = [64, 1024];

/** Strips that there are at least, for threads to share, where there are outputs for them. */
const STRIPS = 16;

/** Signs that a thread does in some 20 µs. */
const AT_A_TIME = 800_000;

const of = (table: string, at: string) => sum(get(table), words(at));

/** A strip, all blocks one after another. */
const OF_BLOCK = `
  ${set("left", minus(get("wordCount"), times(get("block"), whole(BLOCK_WORDS))))}
  ${set("count", least(whole(BLOCK_WORDS), get("left")))}
  ${
  set(
    "unit",
    `(v128.load32_splat
    ${of("units", sum(times(get("row"), get("blocks")), get("block")))})`,
  )
}
  ${set("from", get("blockMasks"))}
  ${set("sums", get("own"))}
  ${
  during(
    `(i32.gt_s ${minus(get("last"), get("sums"))} (i32.const 64))`,
    `${callLookUps(2)} ${grow("from", whole(128))} ${grow("sums", whole(128))}`,
  )
}
  (if (i32.lt_u ${get("sums")} ${get("last")}) (then ${callLookUps(1)}))
  ${grow("blockMasks", times(get("count"), get("stride")))}
  ${grow("tables", whole(BLOCK_WORDS * WORD_TABLES))}
  ${grow("block", whole(1))}`;

const OF_STRIP = `
  ${set("row", `(i32.div_u ${get("first")} ${get("strips")})`)}
  ${set("output", times(`(i32.rem_u ${get("first")} ${get("strips")})`, get("strip")))}
  ${set("bytes", words(least(get("strip"), minus(get("outputs"), get("output")))))}
  ${set("last", sum(get("own"), get("bytes")))}
  ${set("group", word(of("groups", get("row"))))}
  ${set("block", whole(0))}
  ${set("tables", sum(get("shared"), times(get("row"), get("rowTables"))))}
  ${
  set(
    "blockMasks",
    sum(
      of("masks", get("output")),
      times(get("group"), get("wordCount"), get("stride")),
    ),
  )
}
  ${clear(get("own"), words(get("strip")))}
  (if (i32.ge_s ${get("group")} (i32.const 0))
    (then ${during(`(i32.lt_u ${get("block")} ${get("blocks")})`, OF_BLOCK)}))
  ${copy(of("y", sum(times(get("row"), get("outputs")), get("output"))), get("own"), get("bytes"))}
  ${grow("first", whole(1))}`;

const LOCALS = [
  ...PLACES,
  ...["strips", "stride", "row", "output", "bytes", "last", "group", "block", "tables"],
  ...["blockMasks", "from", "left", "count", "sums"],
];

const MULTIPLY = stepFunction(
  "multiply",
  NAMES,
  `${declared("local", "i32", LOCALS)} ${declared("local", "v128", [...PATTERNS, "unit"])}`,
  `${SET_PLACES} ${SET_PATTERNS}
  ${
    set(
      "strips",
      `(i32.div_u 
    ${minus(sum(get("outputs"), get("strip")), whole(1))} ${get("strip")})`,
    )
  }
  ${set("stride", words(get("outputs")))}
  ${during(`(i32.lt_u ${get("first")} ${get("end")})`, OF_STRIP)}`,
);

const TEXT = `(module ${MEMORIES} ${lookUps(1)} ${lookUps(2)} ${TABULATE} ${MULTIPLY})`;

/** Outputs of a strip of so many rows: a multiple of sixteen. */
function stripOf(rows: number, outputs: number): number {
  let strip = MOST_STRIP;
  while (strip > LEAST_STRIP && rows * Math.ceil(outputs / strip) < STRIPS) strip /= 2;
  return strip;
}

/** Its numbers are the same whatever rows stand beside a row. */
export const groupedSignMatmulOp: TeamOp = {
  tables: [1],
  kernel({ shape: [rows, outputs], inputs: [{ shape: [, inputs] }] }) {
    const strip = stripOf(rows, outputs);
    return {
      text: TEXT,
      steps: [
        { run: "tabulate", items: rows * Math.ceil(inputs / BLOCK), grain: 8 },
        {
          run: "multiply",
          items: rows * Math.ceil(outputs / strip),
          grain: Math.ceil(AT_A_TIME / (inputs * strip)),
        },
      ],
      ownBytes: Math.max(4 * BLOCK, 4 * strip),
      sharedBytes: sharedBytes(rows, inputs),
      parameters: [rows, inputs, outputs, strip],
    };
  },
  check: checkGroups,
};
