/** Further pieces of WebAssembly text: counts, loops and vectors. */

import { get, set, sum, whole } from "./text.ts";

/** The difference of two. */
export const minus = (a: string, b: string) => `(i32.sub ${a} ${b})`;

/** Bytes of so many words. */
export const words = (count: string) => `(i32.shl ${count} (i32.const 2))`;

/** The smaller of two counts. */
export const least = (a: string, b: string) => `(select ${a} ${b} (i32.lt_u ${a} ${b}))`;

/** A local grows. */
export const grow = (name: string, by: string) => set(name, sum(get(name), by));

/** Vector at an address. */
export const vector = (address: string, offset = 0) => `(v128.load offset=${offset} ${address})`;

/** Word at an address. */
export const word = (address: string, offset = 0) => `(i32.load offset=${offset} ${address})`;

/** Zeros in so many bytes. */
export const clear = (address: string, bytes: string) =>
  `(memory.fill ${address} ${whole(0)} ${bytes})`;

/** Bytes from one address to another. */
export const copy = (to: string, from: string, bytes: string) =>
  `(memory.copy ${to} ${from} ${bytes})`;

/** Parameters or locals of one type. */
export const declared = (kind: "param" | "local", type: string, names: readonly string[]) =>
  names.map((name) => `(${kind} $${name} ${type})`).join(" ");

/** 0, 1, … */
export const rangeOf = (count: number) => Array.from({ length: count }, (_, at) => at);

/** Text for 0, 1, …, one after another. */
export const repeat = (count: number, text: (at: number) => string) =>
  rangeOf(count).map(text).join("\n");

/** Four words alike. */
export const alike = (bits: string) => `(v128.const i32x4 ${bits} ${bits} ${bits} ${bits})`;

/** `body` as long as a condition is not 0; it branches to nothing outside itself. */
export function during(condition: string, body: string): string {
  return `(block (loop (br_if 1 (i32.eqz ${condition})) ${body} (br 0)))`;
}

/**
 * `body` with a local from `begin` up to `end`, `step` at a time; `body` branches to nothing outside itself, and
 * `end` is worked out each time.
 */
export function loop(name: string, begin: string, end: string, step: number, body: string): string {
  return `${set(name, begin)}
    (block (loop
      (br_if 1 (i32.ge_u ${get(name)} ${end}))
      ${body}
      ${set(name, sum(get(name), whole(step)))}
      (br 0)))`;
}
