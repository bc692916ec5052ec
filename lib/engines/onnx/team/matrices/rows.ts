/** What is made of the rows before any product: x in the order in which weights widen, and which rows go together. */

import { clear, copy, declared, during, grow, minus, repeat, word, words } from "../loops.ts";
import { get, set, stepFunction, sum, times, whole } from "../text.ts";
import { MOST_ROWS, STRETCH, X_STRETCH } from "./tile.ts";
import { ofEight } from "./widening.ts";

/** What both steps are called with. */
export const NAMES: readonly string[] = [
  "x",
  "matrices",
  "groups",
  "y",
  "rows",
  "inputs",
  "outputs",
];

/** Bytes of a record: how many rows of one group, the group, and which rows. */
export const RECORD = 32;

/** Bytes of a row of x with zeros up to a whole stretch. */
export const PADDED = `(i32.and (i32.shl (i32.add ${get("inputs")} (i32.const ${
  STRETCH - 1
})) (i32.const 2))
    (i32.const ${-X_STRETCH}))`;

/** Bytes that all threads share: x as it is read, then records, the last of no rows, then a flag for each row. */
export function sharedBytes(rows: number, inputs: number): number {
  return rows * X_STRETCH * Math.ceil(inputs / STRETCH) + (rows + 1) * RECORD + 4 * rows;
}

/** Records of up to {@linkcode MOST_ROWS} rows each; those of one group are beside each other. */
export const GATHER = `(func $gather (param $groups i32) (param $rows i32) (param $records i32)
    ${declared("local", "i32", ["flags", "row", "other", "group", "record", "next", "count"])}
    ${set("next", get("records"))}
    ${set("flags", sum(get("records"), times(sum(get("rows"), whole(1)), whole(RECORD))))}
    ${clear(get("flags"), words(get("rows")))}
    ${
  during(
    `(i32.lt_u ${get("row")} ${get("rows")})`,
    `(if (i32.eqz ${word(sum(get("flags"), words(get("row"))))}) (then
        ${set("group", word(sum(get("groups"), words(get("row")))))}
        ${set("other", get("row"))}
        ${set("record", whole(0))}
        ${
      during(
        `(i32.lt_u ${get("other")} ${get("rows")})`,
        `(if (i32.eq ${get("group")} ${word(sum(get("groups"), words(get("other"))))}) (then
            (i32.store ${sum(get("flags"), words(get("other")))} (i32.const 1))
            (if (i32.eqz ${get("record")}) (then
              ${set("record", get("next"))}
              (i32.store ${get("record")} (i32.const 0))
              (i32.store offset=4 ${get("record")} ${get("group")})
              ${grow("next", whole(RECORD))}))
            ${set("count", word(get("record")))}
            (i32.store offset=8 ${sum(get("record"), words(get("count")))} ${get("other")})
            (i32.store ${get("record")} ${sum(get("count"), whole(1))})
            (if (i32.eq ${get("count")} (i32.const ${MOST_ROWS - 1}))
              (then ${set("record", whole(0))}))))
          ${grow("other", whole(1))}`,
      )
    }))
      ${grow("row", whole(1))}`,
  )
}
    (i32.store ${get("next")} (i32.const 0)))`;

const EIGHT = repeat(
  2,
  (which) => `(v128.store offset=${16 * which} ${get("to")} ${ofEight(which, get("from"))})`,
);

/** The step `prepare`, of which each item is a row; the first also gathers. */
export const PREPARE: string = stepFunction(
  "prepare",
  NAMES,
  declared("local", "i32", ["padded", "from", "to", "last", "rest"]),
  `${set("padded", PADDED)}
    ${set("rest", `(i32.and ${get("inputs")} (i32.const 7))`)}
    (if (i32.eqz ${get("first")}) (then (call $gather ${get("groups")} ${get("rows")}
      ${sum(get("shared"), times(get("rows"), get("padded")))})))
    ${
    during(
      `(i32.lt_u ${get("first")} ${get("end")})`,
      `${set("from", sum(get("x"), words(times(get("first"), get("inputs")))))}
        ${set("to", sum(get("shared"), times(get("first"), get("padded"))))}
        ${clear(get("to"), get("padded"))}
        ${set("last", sum(get("to"), words(minus(get("inputs"), get("rest")))))}
        ${
        during(
          `(i32.lt_u ${get("to")} ${get("last")})`,
          `${EIGHT} ${grow("from", whole(32))} ${grow("to", whole(32))}`,
        )
      }
        (if ${get("rest")} (then
          ${clear(get("own"), whole(32))}
          ${copy(get("own"), get("from"), words(get("rest")))}
          ${set("from", get("own"))}
          ${EIGHT}))
        ${grow("first", whole(1))}`,
    )
  }`,
);
