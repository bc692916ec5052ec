/** Pieces of WebAssembly text that kernels of the thread team share. Sizes are those of `kernel.ts`. */

import { ELEMENT_SIZES } from "../../../checkpoint/tensor.ts";
import type { Storage } from "./kernel.ts";

/** A local, a parameter or a global's value. */
export const get = (name: string) => `(local.get $${name})`;

/** Sets a local. */
export const set = (name: string, value: string) => `(local.set $${name} ${value})`;

/** Sum of addresses or counts. */
export function sum(...terms: string[]): string {
  return terms.reduce((total, term) => `(i32.add ${total} ${term})`);
}

/** Product of counts. */
export function times(...factors: string[]): string {
  return factors.reduce((product, factor) => `(i32.mul ${product} ${factor})`);
}

/** Whole number. */
export const whole = (number: number) => `(i32.const ${number})`;

/** Parameters of a step's function, see `TeamStep`, and its body. */
export function stepFunction(
  name: string,
  names: readonly string[],
  locals: string,
  body: string,
): string {
  const parameters = ["first", "end", "own", "shared", ...names]
    .map((each) => `(param $${each} i32)`).join(" ");
  return `(func (export "${name}") ${parameters} ${locals} ${body})`;
}

/** Bytes of an element. */
export const elementBytes = (storage: Storage) => whole(ELEMENT_SIZES[storage]);

/** Four elements that begin at an address, as floats; `x` is a local of a vector that it may use. */
export function loadFloats(storage: Storage, address: string, memory = "$memory", x = "x"): string {
  if (storage === "F32") return `(v128.load ${memory} ${address})`;
  const halves = `(v128.load16x4_u ${memory} ${address})`;
  // A bfloat16 is the upper half of a float32.
  if (storage === "BF16") return `(i32x4.shl ${halves} (i32.const 16))`;
  return float16Floats(`(local.tee $${x} ${halves})`, get(x));
}

/** One element at an address as a float; reads up to six bytes behind it. */
export function loadFloat(storage: Storage, address: string, memory = "$memory", x = "x"): string {
  if (storage === "F32") return `(f32.load ${memory} ${address})`;
  return `(f32x4.extract_lane 0 ${loadFloats(storage, address, memory, x)})`;
}

/**
 * Exponent and fraction of a float16, at the places of a float32's, are those of 2⁻¹¹² times the value, subnormals
 * included; a product sets the exponent right. NaN and infinity get the highest exponent again.
 */
function float16Floats(halves: string, x: string): string {
  const all = (bits: string) => `(v128.const i32x4 ${bits} ${bits} ${bits} ${bits})`;
  const scale = "(v128.const f32x4 0x1p112 0x1p112 0x1p112 0x1p112)";
  return `(v128.or
    (v128.or
      (f32x4.mul (i32x4.shl (v128.and ${halves} ${all("0x7fff")}) (i32.const 13)) ${scale})
      (v128.and (i32x4.ge_u (v128.and ${x} ${all("0x7fff")}) ${all("0x7c00")}) ${
    all("0x7f800000")
  }))
    (i32x4.shl (v128.and ${x} ${all("0x8000")}) (i32.const 16)))`;
}
