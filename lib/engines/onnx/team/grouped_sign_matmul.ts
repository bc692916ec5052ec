/** `groupedSignMatmul` on the thread team: a piece of work is one output of all rows. */

import { checkGroups } from "./grouped_matmul.ts";
import { MEMORIES, type TeamOp } from "./kernel.ts";
import { eachOf, get, set, stepFunction, sum, times, whole } from "./text.ts";

const NAMES = ["x", "masks", "groups", "y", "rows", "inputs", "outputs", "words"];
const LOCALS = `(local $o i32) (local $r i32) (local $i i32) (local $group i32) (local $row i32)
  (local $mask i32) (local $word i32) (local $total f32) (local $number f32)`;

/** The words of one output are as far apart as there are outputs. */
const STEP = `(if (i32.eqz (i32.and ${get("i")} (i32.const 31)))
    (then
      ${set("word", `(i32.load $memory ${get("mask")})`)}
      ${set("mask", sum(get("mask"), times(get("outputs"), whole(4))))}))
  ${set("number", `(f32.load $memory ${sum(get("row"), times(get("i"), whole(4)))})`)}
  ${
  set(
    "total",
    `(f32.add ${get("total")} (select ${get("number")} (f32.neg ${get("number")})
      (i32.and (i32.shr_u ${get("word")} ${get("i")}) (i32.const 1))))`,
  )
}`;

const OF_ROW = `${set("total", "(f32.const 0)")}
  ${set("group", `(i32.load $memory ${sum(get("groups"), times(get("r"), whole(4)))})`)}
  ${set("row", sum(get("x"), times(get("r"), get("inputs"), whole(4))))}
  ${
  set(
    "mask",
    sum(
      get("masks"),
      times(sum(times(get("group"), get("words"), get("outputs")), get("o")), whole(4)),
    ),
  )
}
  (if (i32.ge_s ${get("group")} (i32.const 0)) (then ${eachOf("i", whole(0), get("inputs"), STEP)}))
  (f32.store $memory
    ${sum(get("y"), times(sum(times(get("r"), get("outputs")), get("o")), whole(4)))}
    ${get("total")})`;

const TEXT = `(module ${MEMORIES} ${
  stepFunction(
    "run",
    NAMES,
    LOCALS,
    eachOf("o", get("first"), get("end"), eachOf("r", whole(0), get("rows"), OF_ROW)),
  )
})`;

/** Sums in the order of the inputs. */
export const groupedSignMatmulOp: TeamOp = {
  tables: [1],
  kernel: ({ shape: [rows, outputs], inputs: [{ shape: [, inputs] }] }) => ({
    text: TEXT,
    steps: [{ run: "run", items: outputs, grain: Math.ceil(10000 / (rows * inputs)) }],
    ownBytes: 0,
    sharedBytes: 0,
    parameters: [rows, inputs, outputs, Math.ceil(inputs / 32)],
  }),
  check: checkGroups,
};
