/** `groupedRows` on the thread team: a piece of work is one row. */

import { requireIndices, wholesOf } from "./indices.ts";
import { MEMORIES, type Storage, type TeamOp } from "./kernel.ts";
import { clear, grow, loop, words } from "./loops.ts";
import {
  elementBytes,
  get,
  loadFloat,
  loadFloats,
  set,
  stepFunction,
  sum,
  times,
  whole,
} from "./text.ts";

function text(storage: Storage): string {
  const names = ["tables", "groups", "indices", "y", "count", "width"];
  const locals = `(local $r i32) (local $i i32) (local $group i32) (local $from i32) (local $to i32)
    (local $x v128)`;
  const indexOf = (of: string) => `(i32.load $memory ${sum(get(of), times(get("r"), whole(4)))})`;
  const bytes = elementBytes(storage);
  const step = (count: number) =>
    `${grow("from", times(bytes, whole(count)))}
    ${grow("to", whole(4 * count))}`;
  const copied = `${
    loop(
      "i",
      whole(0),
      `(i32.shr_u ${get("width")} (i32.const 2))`,
      1,
      `(v128.store $memory ${get("to")} ${loadFloats(storage, get("from"))}) ${step(4)}`,
    )
  }
  ${
    loop(
      "i",
      whole(0),
      `(i32.and ${get("width")} (i32.const 3))`,
      1,
      `(f32.store $memory ${get("to")} ${loadFloat(storage, get("from"))}) ${step(1)}`,
    )
  }`;
  const body = `${set("group", indexOf("groups"))}
    ${set("to", sum(get("y"), times(get("r"), get("width"), whole(4))))}
    (if (i32.lt_s ${get("group")} (i32.const 0))
      (then ${clear(get("to"), words(get("width")))})
      (else
        ${
    set(
      "from",
      sum(
        get("tables"),
        times(sum(times(get("group"), get("count")), indexOf("indices")), get("width"), bytes),
      ),
    )
  }
        ${copied}))`;
  return `(module ${MEMORIES} ${
    stepFunction("run", names, locals, loop("r", get("first"), get("end"), 1, body))
  })`;
}

/** Copied, and widened exactly. */
export const groupedRowsOp: TeamOp = {
  tables: [0],
  kernel: ({ shape: [rows, width], inputs: [{ shape: [, count] }] }, [storage]) => ({
    text: text(storage),
    steps: [{ run: "run", items: rows, grain: Math.ceil(100000 / width) }],
    ownBytes: 0,
    sharedBytes: 0,
    parameters: [count, width],
  }),
  check({ operation, inputs: [{ shape: [groups, rows] }] }, given) {
    const [ofRows, indices] = [given[1], given[2]].map(wholesOf);
    requireIndices(operation, "group", ofRows, -1, groups);
    const read = indices.filter((_, row) => ofRows[row] >= 0);
    requireIndices(operation, "row", read, 0, rows);
  },
};
