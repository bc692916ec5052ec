/** Text: scores of the heads of queries with the keys of a tile. */

import { loop, repeat } from "../loops.ts";
import { get, set, sum, times, whole } from "../text.ts";
import { type AttentionForm, headsAtOnce, paddedBytes } from "./form.ts";

/** Keys that are computed at a time. */
const KEYS = 4;

const LOW = "0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23";
const HIGH = "8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31";
const EVEN = "0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23";
const ODD = "8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31";

/** Both halves of two vectors, side by side in two ways, added. */
function halves(first: string, second: string, a: string, b: string): string {
  return `(f32x4.add (i8x16.shuffle ${first} ${a} ${b}) (i8x16.shuffle ${second} ${a} ${b}))`;
}

/**
 * `$dots`: scores of each head with each key of a tile, four keys at a time. Of less than four the last is read again,
 * and up to three numbers are written behind the tile's, where those of the next tile come.
 */
export function dotsFunction(form: AttentionForm): string {
  const heads = headsAtOnce(form);
  const padded = paddedBytes(form);
  const ofTotals = (text: (head: number, key: number) => string) =>
    repeat(heads, (head) => repeat(KEYS, (key) => text(head, key)));
  const keyAddress = (key: number) => {
    const last = `(i32.sub ${get("run")} ${whole(1)})`;
    const place = sum(get("j"), whole(key));
    const known = `(select ${place} ${last} (i32.lt_u ${place} ${last}))`;
    return set(`k${key}`, sum(get("tile"), times(known, get("step"))));
  };
  const products = (vector: number) =>
    `${
      repeat(heads, (head) =>
        set(`q${head}`, `(v128.load $memory offset=${head * padded + 16 * vector} ${get("q")})`))
    }
    ${
      repeat(KEYS, (key) =>
        `${set("a", `(v128.load $memory offset=${16 * vector} ${get(`k${key}`)})`)}
        ${
          repeat(heads, (head) => {
            const total = `t${head}${key}`;
            return set(total, `(f32x4.relaxed_madd ${get("a")} ${get(`q${head}`)} ${get(total)})`);
          })
        }`)
    }`;
  const stored = (head: number) => {
    const total = (key: number) => get(`t${head}${key}`);
    const ofHead = times(sum(get("head"), whole(head)), get("stride"));
    return `${set("a", halves(EVEN, ODD, total(0), total(1)))}
    ${set("b", halves(EVEN, ODD, total(2), total(3)))}
    (v128.store $memory ${sum(get("scores"), ofHead, times(get("j"), whole(4)))}
      ${halves(LOW, HIGH, get("a"), get("b"))})`;
  };
  const ofKeys = `${repeat(KEYS, keyAddress)}
    ${set("q", sum(get("queries"), times(get("head"), whole(padded))))}
    ${ofTotals((head, key) => set(`t${head}${key}`, "(v128.const i32x4 0 0 0 0)"))}
    ${repeat(padded / 16, products)}
    ${repeat(heads, stored)}`;
  return `(func $dots (param $tile i32) (param $step i32) (param $run i32) (param $queries i32)
      (param $scores i32) (param $stride i32)
    (local $head i32) (local $j i32) (local $q i32) (local $a v128) (local $b v128)
    ${repeat(KEYS, (key) => `(local $k${key} i32)`)} ${
    repeat(heads, (head) => `(local $q${head} v128)`)
  }
    ${ofTotals((head, key) => `(local $t${head}${key} v128)`)}
    ${
    loop("head", whole(0), whole(form.group), heads, loop("j", whole(0), get("run"), KEYS, ofKeys))
  })`;
}
