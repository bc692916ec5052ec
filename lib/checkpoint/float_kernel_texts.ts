/**
 * The text of the float kernels, in WebAssembly's own notation: loops over vectors of four floats. What each
 * function does says `float_kernels.ts`.
 */

/**
 * A function of the module. Constants that its body names are locals, set once: one in the place of its use is
 * built anew each time round, which makes loops three times slower.
 */
function exported(name: string, parameters: string, locals: string, body: string): string {
  const constants = new Set([...body.matchAll(/\$(integer|real):([\w-]+)/g)].map(([all]) => all));
  const declared = [...constants].map((each) => `(local ${each} v128)`).join(" ");
  const values = [...constants].map((each) => {
    const [, kind, value] = /^\$(integer|real):(.*)$/.exec(each)!;
    const lanes = new Array(4).fill(value).join(" ");
    return `(local.set ${each} (v128.const ${kind === "real" ? "f32x4" : "i32x4"} ${lanes}))`;
  });
  return `(func (export "${name}") ${parameters} (local $end i32) ${locals} ${declared}
    ${values.join("\n")}
    ${body})`;
}

const all = (bits: string) => `(local.get $integer:${bits})`;
const real = (number: string) => `(local.get $real:${number})`;

/**
 * A loop over the vectors of `$count` elements of `size` bytes from `$at` on. What the last vector holds beyond
 * the count is scratch.
 */
function eachVector(size: 2 | 4, body: string): string {
  return `
    (local.set $end (i32.add (local.get $at) (i32.mul (local.get $count) (i32.const ${size}))))
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $next
        ${body}
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))`;
}

/** Changes each float in its place; `before` sets what `change` needs beside `$x`. */
function inPlace(name: string, change: string, locals = "", before = ""): string {
  return exported(
    name,
    "(param $at i32) (param $count i32)",
    `(local $x v128) ${locals}`,
    eachVector(
      4,
      `(local.set $x (v128.load (local.get $at)))
        ${before}
        (v128.store (local.get $at) ${change})`,
    ),
  );
}

function pairwise(name: string, operation: string): string {
  return exported(
    name,
    "(param $at i32) (param $second i32) (param $count i32)",
    "",
    eachVector(
      4,
      `(v128.store (local.get $at)
          (${operation} (v128.load (local.get $at)) (v128.load (local.get $second))))
        (local.set $second (i32.add (local.get $second) (i32.const 16)))`,
    ),
  );
}

/** Eight halves to two vectors of floats at a time. */
function widen(name: string, floats: string): string {
  const half = (which: "low" | "high", offset: number) => `
        (local.set $x (i32x4.extend_${which}_i16x8_u (local.get $h)))
        (v128.store offset=${offset} (local.get $floats) ${floats})`;
  return exported(
    name,
    "(param $at i32) (param $floats i32) (param $count i32)",
    "(local $h v128) (local $x v128)",
    eachVector(
      2,
      `(local.set $h (v128.load (local.get $at))) ${half("low", 0)} ${half("high", 16)}
        (local.set $floats (i32.add (local.get $floats) (i32.const 32)))`,
    ),
  );
}

const x = "(local.get $x)";

/** A bfloat16 is the upper half of a float32. */
const FROM_BFLOAT16 = `(i32x4.shl ${x} (i32.const 16))`;

/**
 * Its exponent and fraction, at the places of a float32's, are those of 2⁻¹¹² times the value, subnormals
 * included; a product sets the exponent right. NaN and infinity get the highest exponent again.
 */
const FROM_FLOAT16 = `(v128.or
  (v128.or
    (f32x4.mul (i32x4.shl (v128.and ${x} ${all("0x7fff")}) (i32.const 13)) ${real("0x1p112")})
    (v128.and
      (i32x4.ge_u (v128.and ${x} ${all("0x7fff")}) ${all("0x7c00")})
      ${all("0x7f800000")}))
  (i32x4.shl (v128.and ${x} ${all("0x8000")}) (i32.const 16)))`;

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

const SIGN = `(v128.bitselect
  ${real("-1")}
  (v128.bitselect ${real("1")} (local.get $ofZero) (f32x4.gt ${x} ${real("0")}))
  (f32x4.lt ${x} ${real("0")}))`;

/** The module, with a memory of so many pages. */
export function kernelTexts(pages: number): string {
  return `(module
    (memory (export "memory") ${pages})
    ${widen("widenBF16", FROM_BFLOAT16)}
    ${widen("widenF16", FROM_FLOAT16)}
    ${pairwise("subtract", "f32x4.sub")}
    ${pairwise("add", "f32x4.add")}
    ${inPlace("roundBF16", TO_BFLOAT16)}
    ${
    inPlace(
      "roundF16",
      TO_FLOAT16,
      "(local $r v128)",
      `(local.set $r ${rounded(`(f32x4.abs ${x})`, 13)})`,
    )
  }
    ${
    exported(
      "signOf",
      "(param $at i32) (param $signs i32) (param $zero i32) (param $count i32)",
      "(local $x v128) (local $ofZero v128)",
      `(local.set $ofZero (f32x4.splat (f32.convert_i32_s (local.get $zero))))` + eachVector(
        4,
        `(local.set $x (v128.load (local.get $at)))
        (v128.store (local.get $signs) ${SIGN})
        (local.set $signs (i32.add (local.get $signs) (i32.const 16)))`,
      ),
    )
  }
    ${
    exported(
      "allFinite",
      "(param $at i32) (param $count i32) (result i32)",
      "(local $x v128) (local $beyond v128)",
      `${
        eachVector(
          4,
          `(local.set $x (v128.and (v128.load (local.get $at)) ${all("0x7f800000")}))
        (local.set $beyond
          (v128.or (local.get $beyond) (i32x4.eq ${x} ${all("0x7f800000")})))`,
        )
      }
      (i32.eqz (v128.any_true (local.get $beyond)))`,
    )
  }
    ${narrow("narrowBF16", BFLOAT16, "0x7f80")}
    ${narrow("narrowF16", FLOAT16, "0x7c00")}
    ${kept("keptF32", { rounded: x, before: "" })}
    ${kept("keptBF16", BFLOAT16)}
    ${kept("keptF16", FLOAT16)}
    ${ADD_SIGNS})`;
}

/**
 * A word's bits are tested four at a time: where bit k is not set, the sign bit of the scale is turned. Rounds as
 * a product of ±scale with the column's factor and a sum do.
 */
const ADD_SIGNS = exported(
  "addSigns",
  `(param $at i32) (param $words i32) (param $stride i32) (param $scale f32) (param $columns i32)
    (param $count i32)`,
  `(local $word v128) (local $left i32) (local $x v128) (local $of v128)
    (local $place v128) (local $first v128)`,
  `(local.set $first (v128.const i32x4 1 2 4 8))
    (local.set $of (f32x4.splat (local.get $scale)))
    ${
    eachVector(
      4,
      `(if (i32.eqz (local.get $left)) (then
          (local.set $word (v128.load32_splat (local.get $words)))
          (local.set $words (i32.add (local.get $words) (local.get $stride)))
          (local.set $place (local.get $first))
          (local.set $left (i32.const 8))))
        (local.set $x (v128.xor (local.get $of) (v128.and ${all("0x80000000")}
          (i32x4.ne (v128.and (local.get $word) (local.get $place)) (local.get $place)))))
        (if (local.get $columns) (then
          (local.set $x (f32x4.mul ${x} (v128.load (local.get $columns))))
          (local.set $columns (i32.add (local.get $columns) (i32.const 16)))))
        (v128.store (local.get $at) (f32x4.add (v128.load (local.get $at)) ${x}))
        (local.set $place (i32x4.shl (local.get $place) (i32.const 4)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))`,
    )
  }`,
);
