/**
 * `groupedMatmul` on the thread team: a piece of work is a panel of outputs of all rows. Few rows, so that reading the
 * matrices decides: each is read once, as it is stored, for all rows of its group.
 */

import type { Value } from "../../../graph/graph.ts";
import { requireIndices, wholesOf } from "./indices.ts";
import { MEMORIES, type TeamOp } from "./kernel.ts";
import { clear, declared, during, grow, least, minus, repeat, word, words } from "./loops.ts";
import { GATHER, NAMES, PADDED, PREPARE, RECORD, sharedBytes } from "./matrices/rows.ts";
import { callPanel, MOST_ROWS, panels, SIZES, TAIL_BYTES } from "./matrices/tile.ts";
import { type MatrixStorage, UPPER, widenings } from "./matrices/widening.ts";
import { elementBytes, get, set, stepFunction, sum, times, whole } from "./text.ts";

/** Outputs of a panel: those of a layer's matrix stay in a core's second cache. */
const PANEL = 24;

/** Products that a thread does in some 20 µs. */
const AT_A_TIME = 400_000;

/** Lines of a cache at the begin of each output that are asked for at once, before what reads ahead has begun. */
const LINES = 2;

/** They are asked for by reading; their sum is kept so that they are. */
const ASK = `
  ${set("asked", get("matrix"))}
  ${
  set("last", minus(sum(get("matrix"), times(get("left"), get("stride"))), whole(64 * (LINES - 1))))
}
  ${
  during(
    `(i32.lt_u ${get("asked")} ${get("last")})`,
    `${repeat(LINES, (at) => grow("seen", word(get("asked"), 64 * at)))}
    ${grow("asked", get("stride"))}`,
  )
}`;

/** Place in the output of a row of the record. */
const ofRecord = (at: number) => word(get("record"), 8 + 4 * at);
const outputOf = (at: number) =>
  sum(get("y"), words(sum(times(ofRecord(at), get("outputs")), get("output"))));

/** A panel of the rows of a record. */
const OF_RECORD = `
  ${
  set(
    "matrix",
    sum(
      get("matrices"),
      times(sum(times(get("group"), get("outputs")), get("output")), get("stride")),
    ),
  )
}
  (if (i32.lt_s ${get("group")} (i32.const 0))
    (then ${
  repeat(MOST_ROWS, (at) =>
    `(if (i32.gt_u ${get("count")} ${whole(at)})
      (then ${clear(outputOf(at), words(get("left")))}))`)
})
    (else ${ASK} ${
  repeat(MOST_ROWS, (at) => {
    const x = (row: number) => sum(get("shared"), times(ofRecord(row), get("padded")));
    return `(if (i32.eq ${get("count")} ${whole(at + 1)})
      (then ${callPanel(at + 1, x, outputOf)}))`;
  })
}))`;

function text(storage: MatrixStorage): string {
  const locals = [
    "padded",
    "records",
    "record",
    "group",
    "count",
    "output",
    "left",
    "matrix",
    "asked",
    "last",
    "seen",
  ];
  return `(module ${MEMORIES} ${GATHER} ${PREPARE} ${panels(widenings[storage])}
    ${
    stepFunction(
      "multiply",
      NAMES,
      `(local $${UPPER} v128)
      ${declared("local", "i32", [...locals, ...SIZES.filter((name) => name !== "own")])}`,
      `${set("padded", PADDED)}
      ${set("records", sum(get("shared"), times(get("rows"), get("padded"))))}
      ${set("stride", times(get("inputs"), elementBytes(storage)))}
      ${set("steps", `(i32.shr_u ${get("inputs")} (i32.const 4))`)}
      ${set("rest", times(`(i32.and ${get("inputs")} (i32.const 15))`, elementBytes(storage)))}
      ${
        set(
          UPPER,
          `(i32x4.splat ${minus(`(i32.shr_u ${get("rest")} (i32.const 31))`, whole(65536))})`,
        )
      }
      ${clear(get("own"), whole(TAIL_BYTES))}
      ${
        during(
          `(i32.lt_u ${get("first")} ${get("end")})`,
          `${set("output", times(get("first"), whole(PANEL)))}
          ${set("left", least(whole(PANEL), minus(get("outputs"), get("output"))))}
          ${set("record", get("records"))}
          ${
            during(
              `(local.tee $count ${word(get("record"))})`,
              `${set("group", word(get("record"), 4))} ${OF_RECORD}
              ${grow("record", whole(RECORD))}`,
            )
          }
          ${grow("first", whole(1))}`,
        )
      }
      (i32.store ${get("own")} ${get("seen")})`,
    )
  })`;
}

const texts = new Map<MatrixStorage, string>();

/** See `matrices/tile.ts` for the order of its sums. */
export const groupedMatmulOp: TeamOp = {
  tables: [1],
  kernel({ shape: [rows, outputs], inputs: [{ shape: [, inputs] }] }, storages) {
    const storage = storages[1] as MatrixStorage;
    if (!texts.has(storage)) texts.set(storage, text(storage));
    return {
      text: texts.get(storage)!,
      steps: [
        { run: "prepare", items: rows, grain: Math.ceil(40_000 / inputs) },
        {
          run: "multiply",
          items: Math.ceil(outputs / PANEL),
          grain: Math.ceil(AT_A_TIME / (rows * inputs * PANEL)),
        },
      ],
      ownBytes: TAIL_BYTES,
      sharedBytes: sharedBytes(rows, inputs),
      parameters: [rows, inputs, outputs],
    };
  },
  check: checkGroups,
};

/** Checks the groups of rows, the third input, against the tables of them, the second. */
export function checkGroups({ operation, inputs }: Value, given: Parameters<TeamOp["check"]>[1]) {
  requireIndices(operation, "group", wholesOf(given[2]), -1, inputs[1].shape[0]);
}
