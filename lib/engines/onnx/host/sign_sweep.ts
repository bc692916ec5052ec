/**
 * Coordinate descent over the signs of rows that do not know each other: see the op `signSweep`. All rows go through
 * the columns together, a block of these at a time: each row turns its signs within the block, and what its steps come
 * to beyond the block is added up afterwards, for all rows while a square of K lies in the cache. Each number is the
 * sum of the same terms in the same order as if its row went alone.
 */

import { eachOf, type HostKernel } from "./kernel.ts";

/** Columns of a block. */
const BLOCK = 64;

/** Bytes of a row of a square of K, of a square, and of what is kept of a row: three words, then its steps. */
const [LINE, SQUARE, HEAD] = [4 * BLOCK, 4 * BLOCK * BLOCK, 64];
const RECORD = HEAD + 8 * BLOCK;

/** Vectors of four floats that are summed at once. */
const SUMS = 8;

const get = (name: string) => `(local.get $${name})`;
const set = (name: string, value: string) => `(local.set $${name} ${value})`;
const plus = (a: string, b: string) => `(i32.add ${a} ${b})`;
const times = (a: string, b: string) => `(i32.mul ${a} ${b})`;
const constant = (value: number) => `(i32.const ${value})`;
const bytes = (count: string) => `(i32.shl ${count} (i32.const 2))`;
const rangeOf = (count: number) => Array.from({ length: count }, (_, at) => at);

/** `body` for each `$name` from 0 in blocks up to the width, of `$<name>Count` columns each. */
const eachBlock = (name: string, body: string) => `
  ${set(name, constant(0))}
  (block (loop
    (br_if 1 (i32.ge_u ${get(name)} ${get("width")}))
    ${set(`${name}Count`, `(i32.sub ${get("width")} ${get(name)})`)}
    (if (i32.gt_u ${get(`${name}Count`)} ${constant(BLOCK)})
      (then ${set(`${name}Count`, constant(BLOCK))}))
    ${body}
    ${set(name, plus(get(name), constant(BLOCK)))}
    (br 0)))`;

/** `body` for each row, of which `$record` is kept. */
const eachRow = (body: string) => `
  ${set("record", get("records"))}
  ${
  eachOf(
    "l",
    constant(0),
    get("rows"),
    `${body} ${set("record", plus(get("record"), constant(RECORD)))}`,
  )
}`;

/** Address of row l, from column `$from` on, of what the steps come to. */
const movedFrom = (from: string) =>
  plus(plus(get("moved"), times(get("l"), get("padded"))), bytes(get(from)));

/** Rows of K that the block stands for, in the columns from `$from` on, beside each other. */
const square = (from: string) =>
  eachOf(
    "j",
    constant(0),
    get("blockCount"),
    `(memory.copy ${plus(get("square"), times(get("j"), constant(LINE)))}
      ${
      plus(
        plus(get("inner"), times(plus(get("block"), get("j")), get("stride"))),
        bytes(get(from)),
      )
    }
      ${bytes(get(`${from}Count`))})`,
  );

/** Row l within the block: its steps are noted, and added up in these columns at once. */
const TURN = `
  ${set("place", bytes(plus(times(get("l"), get("width")), get("block"))))}
  ${set("v", plus(get("y"), get("place")))}
  ${set("g", plus(get("gradient"), get("place")))}
  ${set("m", movedFrom("block"))}
  ${set("q", get("square"))}
  ${set("next", plus(get("record"), constant(HEAD)))}
  ${
  eachOf(
    "j",
    constant(0),
    get("blockCount"),
    `${set("place", bytes(get("j")))}
    ${set("value", `(f32.load ${plus(get("v"), get("place"))})`)}
    ${set("factor", `(f32.mul (f32.const -2) ${get("value")})`)}
    (if (f32.lt
        (f32.mul ${get("factor")} (f32.sub
          (f32.mul ${get("factor")} (f32.load ${plus(get("q"), get("place"))}))
          (f32.mul (f32.const 2) (f32.sub
            (f32.load ${plus(get("g"), get("place"))})
            (f32.load ${plus(get("m"), get("place"))})))))
        (f32.const 0))
      (then
        (f32.store ${plus(get("v"), get("place"))} (f32.neg ${get("value")}))
        (i32.store ${get("next")} ${get("q")})
        (f32.store offset=4 ${get("next")} ${get("factor")})
        ${set("next", plus(get("next"), constant(8)))}
        ${set("factors", `(f32x4.splat ${get("factor")})`)}
        ${
      rangeOf(BLOCK / 4).map((at) =>
        `(v128.store offset=${16 * at} ${get("m")}
          (f32x4.add (v128.load offset=${16 * at} ${get("m")})
            (f32x4.mul ${get("factors")} (v128.load offset=${16 * at} ${get("q")}))))`
      ).join("\n")
    }))
    ${set("q", plus(get("q"), constant(LINE)))}`,
  )
}
  (i32.store ${get("record")} ${get("next")})
  (if (i32.gt_u ${get("next")} ${plus(get("record"), constant(HEAD))})
    (then
      ${set("turned", constant(1))}
      (i32.store offset=8 ${get("record")} ${constant(1)})))`;

/** What the steps of row l come to in the columns of a square, some vectors at a time. */
const ADD_UP = `
  ${set("end", `(i32.load ${get("record")})`)}
  (if (i32.gt_u ${get("end")} ${plus(get("record"), constant(HEAD))})
    (then
      ${set("m", movedFrom("other"))}
      ${
  rangeOf(BLOCK / 4 / SUMS).map((part) => {
    const offset = (at: number) => 16 * (SUMS * part + at);
    const each = (text: (at: number) => string) => rangeOf(SUMS).map(text).join("\n");
    return `
      ${each((at) => set(`sum${at}`, `(v128.load offset=${offset(at)} ${get("m")})`))}
      ${set("next", plus(get("record"), constant(HEAD)))}
      (loop
        ${set("q", `(i32.load ${get("next")})`)}
        ${set("factors", `(v128.load32_splat offset=4 ${get("next")})`)}
        ${
      each((at) =>
        set(
          `sum${at}`,
          `(f32x4.add ${get(`sum${at}`)}
            (f32x4.mul ${get("factors")} (v128.load offset=${offset(at)} ${get("q")})))`,
        )
      )
    }
        ${set("next", plus(get("next"), constant(8)))}
        (br_if 0 (i32.lt_u ${get("next")} ${get("end")})))
      ${each((at) => `(v128.store offset=${offset(at)} ${get("m")} ${get(`sum${at}`)})`)}`;
  }).join("\n")
}))`;

const PASS = eachBlock(
  "block",
  `${square("block")}
  ${set("turned", constant(0))}
  ${
    eachRow(`
    (i32.store ${get("record")} ${plus(get("record"), constant(HEAD))})
    (if (i32.load offset=4 ${get("record")}) (then ${TURN}))`)
  }
  (if ${get("turned")} (then ${
    eachBlock(
      "other",
      `(if (i32.ne ${get("other")} ${get("block")}) (then ${square("other")} ${eachRow(ADD_UP)}))`,
    )
  }))`,
);

const TEXT = `(module
  (memory (export "memory") 1)
  (func (export "run") (param $values i32) (param $gradient i32) (param $inner i32)
      (param $y i32) (param $square i32) (param $rows i32) (param $width i32) (param $passes i32)
    (local $records i32) (local $moved i32) (local $stride i32) (local $padded i32)
    (local $pass i32) (local $block i32) (local $blockCount i32) (local $other i32)
    (local $otherCount i32) (local $l i32) (local $record i32) (local $j i32) (local $turned i32)
    (local $v i32) (local $g i32) (local $m i32) (local $q i32) (local $place i32)
    (local $next i32) (local $end i32) (local $value f32) (local $factor f32) (local $factors v128)
    ${rangeOf(SUMS).map((at) => `(local $sum${at} v128)`).join(" ")}
    ${set("stride", bytes(get("width")))}
    ${
  set(
    "padded",
    `(i32.and ${plus(get("stride"), constant(LINE - 1))} ${constant(-LINE)})`,
  )
}
    ${set("records", plus(get("square"), constant(SQUARE)))}
    ${set("moved", plus(get("records"), times(get("rows"), constant(RECORD))))}
    (memory.copy ${get("y")} ${get("values")} ${times(get("rows"), get("stride"))})
    (memory.fill ${get("moved")} ${constant(0)} ${times(get("rows"), get("padded"))})
    ${eachRow(`(i32.store offset=8 ${get("record")} ${constant(1)})`)}
    ${
  eachOf(
    "pass",
    constant(0),
    get("passes"),
    `${
      // A row in which nothing turned is done.
      eachRow(`(i32.store offset=4 ${get("record")} (i32.load offset=8 ${get("record")}))
      (i32.store offset=8 ${get("record")} ${constant(0)})`)}
    ${PASS}`,
  )
}
    ${
  eachRow(`(memory.copy
      ${plus(get("y"), times(plus(get("rows"), get("l")), get("stride")))}
      ${plus(get("moved"), times(get("l"), get("padded")))}
      ${get("stride")})`)
}))`;

/** Of rows that do not know each other. */
export const signSweepKernel: HostKernel = {
  text: TEXT,
  scratchBytes({ shape: [rows, width] }) {
    const padded = LINE * Math.ceil(width / BLOCK);
    return SQUARE + rows / 2 * (RECORD + padded);
  },
  parameters: ({ shape: [rows, width], attributes }) => [
    rows / 2,
    width,
    Number(attributes.passes),
  ],
};
