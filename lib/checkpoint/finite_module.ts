/**
 * Whether weights are finite, in WebAssembly SIMD, for blocks that pass by in a memory of the module's own.
 *
 * A number is NaN or infinite where all bits of its exponent are set: where its bits without the sign are no
 * less than those of infinity. The slow, readable equal is in the tests.
 */

import { assembleModule } from "../util/wasm.ts";
import { ELEMENT_SIZES, type FloatType, toFloat32 } from "./tensor.ts";

/** Bytes that the loop looks at in a turn: a block is filled up to a multiple of these with zeros. */
export const STRIDE = 64;

/** Bits of infinity, twice for types of two bytes, and lanes of a vector. */
const TYPES: Readonly<Record<FloatType, { lanes: string; magnitude: string; infinity: string }>> = {
  F32: { lanes: "i32x4", magnitude: "0x7fffffff", infinity: "0x7f800000" },
  F16: { lanes: "i16x8", magnitude: "0x7fff7fff", infinity: "0x7c007c00" },
  BF16: { lanes: "i16x8", magnitude: "0x7fff7fff", infinity: "0x7f807f80" },
};

let compiled: Promise<WebAssembly.Module> | null = null;

/** The module, assembled once; it can be sent to a worker. */
export function finiteModule(): Promise<WebAssembly.Module> {
  return compiled ??= assembleModule(
    "finite.wat",
    `(module (memory (export "memory") 1) ${Object.keys(TYPES).map(search).join("")})`,
  );
}

/** `$at` of the first stride from `$at` to `$end` with a number that is not finite, −1 if there is none. */
function search(type: string): string {
  const { lanes, magnitude, infinity } = TYPES[type as FloatType];
  const vector = (bits: string) => `(v128.const i32x4 ${Array(4).fill(bits).join(" ")})`;
  const faults = [0, 16, 32, 48].map((offset) =>
    `(${lanes}.ge_s (v128.and (v128.load offset=${offset} (local.get $at)) (local.get $magnitude))
      (local.get $infinity))`
  );
  return `
    (func (export "${type}") (param $at i32) (param $end i32) (result i32)
      (local $magnitude v128) (local $infinity v128)
      (local.set $magnitude ${vector(magnitude)})
      (local.set $infinity ${vector(infinity)})
      (block $none
        (loop $next
          (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
          (if (v128.any_true (v128.or (v128.or ${faults[0]} ${faults[1]})
              (v128.or ${faults[2]} ${faults[3]})))
            (then (return (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const ${STRIDE})))
          (br $next)))
      (i32.const -1))`;
}

/** A module at work: a memory that takes a block, and the search in it. */
export interface FiniteSearch {
  readonly memory: WebAssembly.Memory;
  /** Index of the first element of the first `byteLength` bytes of memory that is not finite; −1 if none is. */
  find(dtype: FloatType, byteLength: number): number;
}

let instance: FiniteSearch | null = null;

/** The search, one a thread: fill its memory and run it without awaiting between. */
export function finiteSearch(module: WebAssembly.Module): FiniteSearch {
  return instance ??= start(module);
}

function start(module: WebAssembly.Module): FiniteSearch {
  const { memory: exported, ...run } = new WebAssembly.Instance(module).exports;
  const memory = exported as WebAssembly.Memory;
  return {
    memory,
    find(dtype, byteLength) {
      const search = run[dtype] as (at: number, end: number) => number;
      const end = Math.ceil(byteLength / STRIDE) * STRIDE;
      new Uint8Array(memory.buffer).fill(0, byteLength, end);
      const at = search(0, end);
      if (at < 0) return -1;
      const bytes = new Uint8Array(memory.buffer, at, STRIDE);
      const values = toFloat32({ dtype, shape: [STRIDE / ELEMENT_SIZES[dtype]], bytes });
      return at / ELEMENT_SIZES[dtype] + values.findIndex((value) => !Number.isFinite(value));
    },
  };
}
