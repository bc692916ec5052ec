/** Text: values of a tile, each times its weight, added to the sums of the heads of queries. */

import { loop, repeat } from "../loops.ts";
import { get, set, sum, times, whole } from "../text.ts";
import { type AttentionForm, headsAtOnce, isInPlace, paddedBytes } from "./form.ts";

/** Vectors of features that are summed at a time. */
const VECTORS = 4;

/** Positions of a round. */
const POSITIONS = 4;

/** `$mix`: the sums of each head, which go on where they are, position by position. */
export function mixFunction(form: AttentionForm): string {
  const heads = headsAtOnce(form);
  const padded = paddedBytes(form);
  const memory = isInPlace(form.values, form) ? "$second" : "$memory";
  const columns = (vectors: number) => {
    const ofTotals = (text: (head: number, at: number) => string) =>
      repeat(heads, (head) => repeat(vectors, (at) => text(head, at)));
    const place = (head: number, at: number) =>
      `offset=${head * padded + 16 * at} ${
        sum(get("totals"), times(get("head"), whole(padded)), get("c"))
      }`;
    const weight = (head: number, position: number) =>
      set(`w${head}`, `(v128.load32_splat $memory offset=${4 * position} ${get(`weight${head}`)})`);
    const products = (at: number) =>
      `${set("x", `(v128.load ${memory} offset=${16 * at} ${get("value")})`)}
      ${
        repeat(heads, (head) => {
          const total = `t${head}${at}`;
          return set(total, `(f32x4.relaxed_madd ${get(`w${head}`)} ${get("x")} ${get(total)})`);
        })
      }`;
    const positions = (count: number) =>
      `${
        repeat(count, (position) =>
          `${
            repeat(heads, (head) => weight(head, position))
          } ${repeat(vectors, products)}
          ${set("value", sum(get("value"), get("step")))}`)
      }
      ${
        repeat(heads, (head) =>
          set(`weight${head}`, sum(get(`weight${head}`), whole(4 * count))))
      }`;
    return `${
      ofTotals((head, at) => set(`t${head}${at}`, `(v128.load $memory ${place(head, at)})`))
    }
      ${set("value", sum(get("tile"), get("c")))}
      ${
      repeat(heads, (head) =>
        set(
          `weight${head}`,
          sum(get("weights"), times(sum(get("head"), whole(head)), get("stride"))),
        ))
    }
      ${
      loop(
        "j",
        whole(0),
        `(i32.and ${get("run")} ${whole(-POSITIONS)})`,
        POSITIONS,
        positions(POSITIONS),
      )
    }
      ${loop("j", get("j"), get("run"), 1, positions(1))}
      ${ofTotals((head, at) => `(v128.store $memory ${place(head, at)} ${get(`t${head}${at}`)})`)}`;
  };
  const many = 16 * VECTORS * Math.floor(padded / (16 * VECTORS));
  return `(func $mix (param $tile i32) (param $step i32) (param $run i32) (param $totals i32)
      (param $weights i32) (param $stride i32)
    (local $head i32) (local $j i32) (local $c i32) (local $value i32)
    (local $x v128)
    ${repeat(heads, (head) => `(local $w${head} v128) (local $weight${head} i32)`)}
    ${repeat(heads, (head) => repeat(VECTORS, (at) => `(local $t${head}${at} v128)`))}
    ${
    loop(
      "head",
      whole(0),
      whole(form.group),
      heads,
      `${loop("c", whole(0), whole(many), 16 * VECTORS, columns(VECTORS))}
      ${loop("c", whole(many), whole(padded), 16, columns(1))}`,
    )
  })`;
}
