/**
 * The text of cached attention: what one row and one head of keys do for the heads of queries that share it. Scores of
 * all positions come first, then their softmax, then the mix of values. Keys and values come in tiles of positions that
 * lie side by side in a page, and stay in the first cache while all heads read them.
 *
 * Every sum is over one head's features, or over the positions that a row sees, in their order: other rows are in none.
 */

import { MEMORIES, type Storage } from "../kernel.ts";
import { storeFloat } from "../narrow_text.ts";
import { clear, least, loop, minus } from "../loops.ts";
import { get, set, stepFunction, sum, times, whole } from "../text.ts";
import { dotsFunction } from "./dots.ts";
import {
  type AttentionForm,
  isInPlace,
  numberBytes,
  paddedBytes,
  rowFunction,
  TILE,
} from "./form.ts";
import { mixFunction } from "./mix.ts";
import { SOFTMAX_FUNCTION } from "./softmax.ts";

/** Inputs, the output, and counts: `window` of positions, `stride` in bytes from the scores of a head to the next's. */
const NAMES = [
  ...[
    "queries",
    "keys",
    "values",
    "keyCache",
    "valueCache",
    "sequences",
    "positions",
    "pages",
    "y",
  ],
  ...["keyHeads", "pageSize", "pageCount", "window", "stride"],
];

/** A module with the steps `write`, an item a row, and `attend`, an item a row and head of keys. */
export function attentionText(form: AttentionForm): string {
  return `(module ${MEMORIES}
    ${CELL_FUNCTION} ${dotsFunction(form)} ${SOFTMAX_FUNCTION} ${mixFunction(form)}
    ${rowFunction("queryRow", "F32", "$memory", form)}
    ${rowFunction("keyRow", form.keys, "$memory", form)}
    ${rowFunction("valueRow", form.values, "$second", form)}
    ${writeStep(form)} ${attendStep(form)})`;
}

/** Bytes that a thread works in: queries and sums of a group, their totals, scores and a tile. */
export function ownBytes(form: AttentionForm, stride: number): number {
  const { group } = form;
  return group * (2 * paddedBytes(form) + 16 + stride) + TILE * paddedBytes(form);
}

const ofRow = (vector: string) =>
  `(i32.load $memory ${sum(get(vector), times(get("r"), whole(4)))})`;

/** `$cell`: of a position of a sequence. */
const CELL_FUNCTION = `(func $cell (param $pages i32) (param $sequence i32) (param $position i32)
    (param $pageSize i32) (param $pageCount i32) (result i32)
  ${set("position", `(i32.rem_u ${get("position")} ${times(get("pageSize"), get("pageCount"))})`)}
  ${
  set(
    "pages",
    sum(
      get("pages"),
      times(
        sum(
          times(get("sequence"), get("pageCount")),
          `(i32.div_u ${get("position")} ${get("pageSize")})`,
        ),
        whole(4),
      ),
    ),
  )
}
  ${
  sum(
    times(`(i32.load $memory ${get("pages")})`, get("pageSize")),
    `(i32.rem_u ${get("position")} ${get("pageSize")})`,
  )
})`;

function cellOf(sequence: string, position: string): string {
  const sizes = `${get("pageSize")} ${get("pageCount")}`;
  return `(call $cell ${get("pages")} ${sequence} ${position} ${sizes})`;
}

function writeStep({ headSize, keys, values }: AttentionForm): string {
  const copy = (from: string, cache: string, storage: Storage, memory: string) =>
    `${set("from", sum(get(from), times(get("r"), get("width"), whole(4))))}
    ${set("to", sum(get(cache), times(get("cell"), get("width"), whole(numberBytes(storage)))))}
    ${
      loop(
        "i",
        whole(0),
        get("width"),
        1,
        `${storeFloat(storage, get("to"), `(f32.load $memory ${get("from")})`, memory)}
        ${set("from", sum(get("from"), whole(4)))}
        ${set("to", sum(get("to"), whole(numberBytes(storage))))}`,
      )
    }`;
  return stepFunction(
    "write",
    NAMES,
    `(local $r i32) (local $i i32) (local $cell i32) (local $width i32) (local $from i32)
    (local $to i32) (local $bits i32)`,
    `${set("width", times(get("keyHeads"), whole(headSize)))}
    ${
      loop(
        "r",
        get("first"),
        get("end"),
        1,
        `(if (i32.ge_s ${ofRow("sequences")} (i32.const 0)) (then
          ${set("cell", cellOf(ofRow("sequences"), ofRow("positions")))}
          ${copy("keys", "keyCache", keys, "$memory")}
          ${copy("values", "valueCache", values, "$second")}))`,
      )
    }`,
  );
}

/** Where tiles of a cache are read by `$dots` or `$mix`, from `$begin` up to `$stop`. */
function eachTile(
  form: AttentionForm,
  { cache, storage, row, body, operand }: {
    readonly cache: string;
    readonly storage: Storage;
    readonly row: string;
    readonly body: string;
    readonly operand: string;
  },
): string {
  const bytes = form.headSize * numberBytes(storage);
  const padded = paddedBytes(form);
  const inPlace = isInPlace(storage, form);
  const step = times(get("keyHeads"), whole(bytes));
  const copied = loop(
    "j",
    whole(0),
    get("run"),
    1,
    `(call $${row} ${sum(get("from"), times(get("j"), step))}
      ${sum(get("tile"), times(get("j"), whole(padded)))})`,
  );
  const inPage = `(i32.rem_u ${get("cell")} ${get("pageSize")})`;
  const ofKeys = `(i32.rem_u ${get("item")} ${get("keyHeads")})`;
  return `${set("at", get("begin"))}
    (block (loop
      (br_if 1 (i32.ge_u ${get("at")} ${get("stop")}))
      ${set("cell", cellOf(get("sequence"), get("at")))}
      ${set("run", minus(get("pageSize"), inPage))}
      ${set("run", least(get("run"), whole(TILE)))}
      ${set("run", least(get("run"), minus(get("stop"), get("at"))))}
      ${
    set(
      "from",
      sum(get(cache), times(sum(times(get("cell"), get("keyHeads")), ofKeys), whole(bytes))),
    )
  }
      ${inPlace ? "" : copied}
      (call $${body} ${inPlace ? get("from") : get("tile")} ${inPlace ? step : whole(padded)}
        ${get("run")} ${get(operand)}
        ${sum(get("scores"), times(minus(get("at"), get("begin")), whole(4)))}
        ${get("stride")})
      ${set("at", sum(get("at"), get("run")))}
      (br 0)))`;
}

function attendStep(form: AttentionForm): string {
  const { headSize, group } = form;
  const padded = paddedBytes(form);
  const outputBytes = 4 * group * headSize;
  const eachHead = (body: string) => loop("head", whole(0), whole(group), 1, body);
  const ofHead = (base: string, bytes: string) => sum(get(base), times(get("head"), bytes));
  const attended = `
    ${set("stop", sum(ofRow("positions"), whole(1)))}
    ${
    set(
      "begin",
      `(select (i32.sub ${get("stop")} ${get("window")}) (i32.const 0)
        (i32.gt_u ${get("stop")} ${get("window")}))`,
    )
  }
    ${set("totals", sum(get("own"), whole(group * padded)))}
    ${set("sums", sum(get("totals"), whole(group * padded)))}
    ${set("scores", sum(get("sums"), whole(16 * group)))}
    ${set("tile", sum(get("scores"), times(whole(group), get("stride"))))}
    ${clear(get("totals"), whole(group * padded))}
    ${
    eachHead(`(call $queryRow
      ${
      sum(
        get("queries"),
        times(get("item"), whole(outputBytes)),
        times(get("head"), whole(4 * headSize)),
      )
    }
      ${ofHead("own", whole(padded))})`)
  }
    ${
    eachTile(form, {
      ...{ cache: "keyCache", storage: form.keys, row: "keyRow" },
      ...{ body: "dots", operand: "own" },
    })
  }
    ${
    eachHead(`(f32.store $memory ${ofHead("sums", whole(16))}
      (call $softmax ${ofHead("scores", get("stride"))} (i32.sub ${get("stop")} ${get("begin")})))`)
  }
    ${
    eachTile(form, {
      ...{ cache: "valueCache", storage: form.values, row: "valueRow" },
      ...{ body: "mix", operand: "totals" },
    })
  }
    ${
    eachHead(
      loop(
        "c",
        whole(0),
        whole(4 * headSize),
        4,
        `(f32.store $memory ${sum(ofHead("to", whole(4 * headSize)), get("c"))} (f32.div
          (f32.load $memory ${sum(ofHead("totals", whole(padded)), get("c"))})
          (f32.load $memory ${ofHead("sums", whole(16))})))`,
      ),
    )
  }`;
  const item = `${set("r", `(i32.div_u ${get("item")} ${get("keyHeads")})`)}
    ${set("sequence", ofRow("sequences"))}
    ${set("to", sum(get("y"), times(get("item"), whole(outputBytes))))}
    (if (i32.lt_s ${get("sequence")} (i32.const 0))
      (then ${clear(get("to"), whole(outputBytes))})
      (else ${attended}))`;
  return stepFunction(
    "attend",
    NAMES,
    `(local $item i32) (local $r i32) (local $head i32) (local $to i32) (local $sequence i32)
    (local $begin i32) (local $stop i32) (local $totals i32) (local $sums i32) (local $scores i32)
    (local $tile i32) (local $at i32) (local $cell i32) (local $run i32) (local $from i32)
    (local $j i32) (local $c i32)`,
    loop("item", get("first"), get("end"), 1, item),
  );
}
