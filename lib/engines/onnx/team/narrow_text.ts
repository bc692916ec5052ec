/** WebAssembly text that stores a float in 16 bits, rounded to nearest, ties to even. */

import type { Storage } from "./kernel.ts";
import { get, set, sum } from "./text.ts";

/** Stores a float at an address as it is or narrowed; `bits` is a local i32 that it may use. */
export function storeFloat(
  storage: Storage,
  address: string,
  number: string,
  memory: string,
): string {
  if (storage === "F32") return `(f32.store ${memory} ${address} ${number})`;
  const narrowed = storage === "BF16" ? BFLOAT16 : FLOAT16;
  return `${set("bits", `(i32.reinterpret_f32 ${number})`)}
    (i32.store16 ${memory} ${address} ${narrowed})`;
}

const and = (a: string, bits: string) => `(i32.and ${a} (i32.const ${bits}))`;
const shifted = (a: string, bits: number) => `(i32.shr_u ${a} (i32.const ${bits}))`;
const constant = (bits: string) => `(i32.const ${bits})`;

const MAGNITUDE = and(get("bits"), "0x7fffffff");

/** Half of the last place, less one where that is even; a NaN keeps to be one. */
const BFLOAT16 = `(select
  (i32.or ${shifted(get("bits"), 16)} ${constant("0x40")})
  ${shifted(sum(get("bits"), constant("0x7fff"), and(shifted(get("bits"), 16), "1")), 16)}
  (i32.gt_u ${MAGNITUDE} ${constant("0x7f800000")}))`;

/** As a normal float16: the exponent is less by 112. */
const NORMAL = shifted(
  sum(MAGNITUDE, constant("-0x38000000"), constant("0xfff"), and(shifted(get("bits"), 13), "1")),
  13,
);

/** As a subnormal one: in a sum with ½ the last places of the fraction are those of a float16. */
const SUBNORMAL = `(i32.sub
  (i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 ${MAGNITUDE}) (f32.const 0.5)))
  ${constant("0x3f000000")})`;

const FLOAT16 = `(i32.or
  ${and(shifted(get("bits"), 16), "0x8000")}
  (select
    (select ${constant("0x7e00")} ${constant("0x7c00")}
      (i32.gt_u ${MAGNITUDE} ${constant("0x7f800000")}))
    (select ${SUBNORMAL} ${NORMAL} (i32.lt_u ${MAGNITUDE} ${constant("0x38800000")}))
    (i32.ge_u ${MAGNITUDE} ${constant("0x477ff000")})))`;
