/**
 * The text of the kernels that round to 16 bits: in place, to narrower numbers, and what that keeps of a change.
 * What each function does says `float_kernels.ts`.
 */

import { all, eachVector, exported, inPlace, real, x } from "./kernel_text.ts";

/** Bits with the lowest `places` rounded away, ties to even. */
function rounded(bits: string, places: number): string {
  const half = all(`0x${(2 ** (places - 1) - 1).toString(16)}`);
  const odd = `(v128.and (i32x4.shr_u ${bits} (i32.const ${places})) ${all("1")})`;
  const kept = all(`0x${(2 ** 32 - 2 ** places).toString(16)}`);
  return `(v128.and (i32x4.add (i32x4.add ${bits} ${half}) ${odd}) ${kept})`;
}

/** `$x` rounded as `otherwise` has it; a NaN is made quiet instead, for a carry could make it zero. */
function quietNaN(otherwise: string, kept: string): string {
  const quiet = `(v128.and (v128.or ${x} ${all("0x400000")}) ${all(kept)})`;
  return `(v128.bitselect ${otherwise} ${quiet} (f32x4.eq ${x} ${x}))`;
}

const TO_BFLOAT16 = quietNaN(rounded(x, 16), "0xffff0000");

/**
 * Below 2⁻¹⁴ a float16 is a multiple of 2⁻²⁴, which is what floats near ½ are multiples of. Above, it has thirteen
 * places less than a float32, as `$r` has them, and what rounds to 2¹⁶ or more is infinity.
 */
const TO_FLOAT16 = quietNaN(
  `(v128.or
    (v128.bitselect
      ${all("0x7f800000")}
      (v128.bitselect
        (f32x4.sub (f32x4.add (f32x4.abs ${x}) ${real("0x1p-1")}) ${real("0x1p-1")})
        (local.get $r)
        (f32x4.lt (f32x4.abs ${x}) ${real("0x1p-14")}))
      (f32x4.ge (local.get $r) ${real("0x1p16")}))
    (v128.and ${x} ${all("0x80000000")}))`,
  "0xffffe000",
);

/** How `$x` is rounded to a type of 16 bits, what has to be set before, and the 16 bits of what was rounded. */
interface Rounding {
  readonly rounded: string;
  readonly before: string;
  readonly half: (floats: string) => string;
}

const BFLOAT16: Rounding = {
  rounded: TO_BFLOAT16,
  before: "",
  half: (floats) => `(i32x4.shr_u ${floats} (i32.const 16))`,
};

/** The way back from `FROM_FLOAT16`; what is infinite stays so. */
const FLOAT16: Rounding = {
  rounded: TO_FLOAT16,
  before: `(local.set $r ${rounded(`(f32x4.abs ${x})`, 13)})`,
  half: (floats) =>
    `(v128.or
      (i32x4.min_u
        (i32x4.shr_u (f32x4.mul (f32x4.abs ${floats}) ${real("0x1p-112")}) (i32.const 13))
        ${all("0x7c00")})
      (i32x4.shr_u (v128.and ${x} ${all("0x80000000")}) (i32.const 16)))`,
};

/** Four floats to halves at a time; 0 where one of these has every bit of its exponent set. */
function narrow(name: string, { rounded, before, half }: Rounding, exponent: string): string {
  return exported(
    name,
    "(param $at i32) (param $halves i32) (param $count i32) (result i32)",
    "(local $x v128) (local $r v128) (local $h v128) (local $beyond v128)",
    `${
      eachVector(
        4,
        `(local.set $x (v128.load (local.get $at)))
        ${before}
        (local.set $h ${rounded})
        (local.set $h ${half("(local.get $h)")})
        (local.set $beyond (v128.or (local.get $beyond)
          (i32x4.eq (v128.and (local.get $h) ${all(exponent)}) ${all(exponent)})))
        (v128.store64_lane 0 (local.get $halves)
          (i16x8.narrow_i32x4_u (local.get $h) (local.get $h)))
        (local.set $halves (i32.add (local.get $halves) (i32.const 8)))`,
      )
    }
    (i32.eqz (v128.any_true (local.get $beyond)))`,
  );
}

/** Sums in double precision of what rounding left of a change, and how many elements it left another. */
function kept(name: string, { rounded, before }: Pick<Rounding, "rounded" | "before">): string {
  const [high, twice] = ["8 9 10 11 12 13 14 15", "0 1 2 3 4 5 6 7"];
  const doubles = (floats: string, which: 0 | 1) =>
    `(f64x2.promote_low_f32x4 (i8x16.shuffle ${which ? high : twice} ${twice}
      (local.get ${floats}) (local.get ${floats})))`;
  const accumulate = (sum: string, factor: string) =>
    ([0, 1] as const).map((which) =>
      `(local.set ${sum} (f64x2.add (local.get ${sum})
          (f64x2.mul ${doubles("$d", which)} ${doubles(factor, which)})))`
    ).join("\n");
  const add = (offset: number, value: string) =>
    `(f64.store offset=${offset} (local.get $sums)
      (f64.add (f64.load offset=${offset} (local.get $sums)) ${value}))`;
  const lanes = (sum: string) =>
    `(f64.add (f64x2.extract_lane 0 (local.get ${sum})) (f64x2.extract_lane 1 (local.get ${sum})))`;
  const moved = [1, 2, 3].reduce(
    (sum, lane) => `(i32.add ${sum} (i32x4.extract_lane ${lane} (local.get $moved)))`,
    "(i32x4.extract_lane 0 (local.get $moved))",
  );
  return exported(
    name,
    "(param $at i32) (param $base i32) (param $sums i32) (param $count i32)",
    `(local $x v128) (local $r v128) (local $d v128) (local $e v128)
    (local $energy v128) (local $product v128) (local $moved v128)`,
    `${
      eachVector(
        4,
        `(local.set $x (v128.load (local.get $at)))
        ${before}
        (local.set $e ${rounded})
        (local.set $d (f32x4.sub ${x} (v128.load (local.get $base))))
        (local.set $x (v128.load (local.get $base)))
        ${before}
        (local.set $e (f32x4.sub (local.get $e) ${rounded}))
        ${accumulate("$energy", "$d")}
        ${accumulate("$product", "$e")}
        (local.set $moved (i32x4.sub (local.get $moved)
          (f32x4.ne (local.get $e) ${real("0")})))
        (local.set $base (i32.add (local.get $base) (i32.const 16)))`,
      )
    }
    ${add(0, lanes("$energy"))}
    ${add(8, lanes("$product"))}
    ${add(16, `(f64.convert_i32_u ${moved})`)}`,
  );
}

/** A float with its exponent alone is the power of two at or below it. */
const BINADES = exported(
  "binades",
  "(param $at i32) (param $sum i32) (param $count i32)",
  "(local $x v128) (local $all v128)",
  `${
    eachVector(
      4,
      `(local.set $x (v128.and (v128.load (local.get $at)) ${all("0x7f800000")}))
      (local.set $all (f64x2.add (local.get $all) (f64x2.add ${square("low")} ${square("high")})))`,
    )
  }
  (f64.store (local.get $sum) (f64.add (f64.load (local.get $sum))
    (f64.add (f64x2.extract_lane 0 (local.get $all)) (f64x2.extract_lane 1 (local.get $all)))))`,
);

/** Squares of two of the four `$x`, in double precision. */
function square(which: "low" | "high"): string {
  const lanes = which === "low" ? "0 1 2 3 4 5 6 7" : "8 9 10 11 12 13 14 15";
  const doubles = `(f64x2.promote_low_f32x4 (i8x16.shuffle ${lanes} 0 1 2 3 4 5 6 7 ${x} ${x}))`;
  return `(f64x2.mul ${doubles} ${doubles})`;
}

/** All of them. */
export const ROUNDING: string = [
  inPlace("roundBF16", TO_BFLOAT16),
  inPlace("roundF16", TO_FLOAT16, "(local $r v128)", FLOAT16.before),
  narrow("narrowBF16", BFLOAT16, "0x7f80"),
  narrow("narrowF16", FLOAT16, "0x7c00"),
  kept("keptF32", { rounded: x, before: "" }),
  kept("keptBF16", BFLOAT16),
  kept("keptF16", FLOAT16),
  BINADES,
].join("\n");
