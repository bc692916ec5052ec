/** `groupedMatmul` on the thread team: a piece of work is one output of all rows. */

import type { Value } from "../../../graph/graph.ts";
import { requireIndices, wholesOf } from "./indices.ts";
import { MEMORIES, type Storage, type TeamOp } from "./kernel.ts";
import {
  eachOf,
  elementBytes,
  get,
  loadFloat,
  set,
  stepFunction,
  sum,
  times,
  whole,
} from "./text.ts";

function text(storage: Storage): string {
  const size = elementBytes(storage);
  const names = ["x", "matrices", "groups", "y", "rows", "inputs", "outputs"];
  const locals = `(local $o i32) (local $r i32) (local $i i32) (local $group i32) (local $row i32)
    (local $column i32) (local $total f32) (local $x4 v128)`;
  const step = `${
    set(
      "total",
      `(f32.add ${get("total")} (f32.mul
      (f32.load $memory ${get("row")})
      ${loadFloat(storage, get("column"), "$memory", "x4")}))`,
    )
  }
    ${set("row", sum(get("row"), whole(4)))}
    ${set("column", sum(get("column"), size))}`;
  const ofRow = `${set("total", "(f32.const 0)")}
    ${set("group", `(i32.load $memory ${sum(get("groups"), times(get("r"), whole(4)))})`)}
    ${set("row", sum(get("x"), times(get("r"), get("inputs"), whole(4))))}
    ${
    set(
      "column",
      sum(
        get("matrices"),
        times(sum(times(get("group"), get("outputs")), get("o")), get("inputs"), size),
      ),
    )
  }
    (if (i32.ge_s ${get("group")} (i32.const 0)) (then ${
    eachOf("i", whole(0), get("inputs"), step)
  }))
    (f32.store $memory
      ${sum(get("y"), times(sum(times(get("r"), get("outputs")), get("o")), whole(4)))}
      ${get("total")})`;
  const body = eachOf("o", get("first"), get("end"), eachOf("r", whole(0), get("rows"), ofRow));
  return `(module ${MEMORIES} ${stepFunction("run", names, locals, body)})`;
}

/** Sums in the order of the inputs. */
export const groupedMatmulOp: TeamOp = {
  tables: [1],
  kernel: ({ shape: [rows, outputs], inputs: [{ shape: [, inputs] }] }, [, storage]) => ({
    text: text(storage),
    steps: [{ run: "run", items: outputs, grain: Math.ceil(20000 / (rows * inputs)) }],
    ownBytes: 0,
    sharedBytes: 0,
    parameters: [rows, inputs, outputs],
  }),
  check: checkGroups,
};

/** Checks the groups of rows, the third input, against the tables of them, the second. */
export function checkGroups({ operation, inputs }: Value, given: Parameters<TeamOp["check"]>[1]) {
  requireIndices(operation, "group", wholesOf(given[2]), -1, inputs[1].shape[0]);
}
