/**
 * How the extraction forms differences: one entry an element type, as WebAssembly text.
 *
 * Each works on sixteen elements at a time, half a word of signs, in four vectors of float32. Not here:
 * the loops around them (`extraction_module.ts`).
 */

/** The steps of the extraction that depend on the element type. */
export interface Differences {
  /** Sets `$d0` … `$d3` to the float32 differences of the first or second half of a word. */
  ofHalf(half: 0 | 1): string;
  /** From two vectors of four flags, all ones or all zeros, to one of eight in the order of the elements. */
  joinFlags(first: string, second: string): string;
  /** The magnitudes of four differences, rounded to the type. */
  magnitude(differences: string): string;
  /** Whether an operand held NaN or infinity that the sum of magnitudes does not show. */
  hiddenFault: string;
}

/**
 * Vectors that the loops use, as locals: a constant in its place is built anew each time round, which
 * made the loop three times slower.
 */
export const CONSTANTS: Readonly<Record<string, string>> = {
  zero: "f32x4 0 0 0 0",
  lowestBit: "i32x4 1 1 1 1",
  upperHalves: "i32x4 0xffff0000 0xffff0000 0xffff0000 0xffff0000",
  bfloat16Bias: "i32x4 0x7fff 0x7fff 0x7fff 0x7fff",
  bfloat16Magnitude: "i32x4 0x7fff0000 0x7fff0000 0x7fff0000 0x7fff0000",
  float16Bias: "i32x4 0xfff 0xfff 0xfff 0xfff",
  float16Magnitude: "i32x4 0x7fffe000 0x7fffe000 0x7fffe000 0x7fffe000",
  float16Bits: "i32x4 0x8fffe000 0x8fffe000 0x8fffe000 0x8fffe000",
  float16Scale: "f32x4 0x1p112 0x1p112 0x1p112 0x1p112",
  float16Unscale: "f32x4 0x1p-112 0x1p-112 0x1p-112 0x1p-112",
  float16Unsigned: "i32x4 0x7fff7fff 0x7fff7fff 0x7fff7fff 0x7fff7fff",
  float16Infinity: "i32x4 0x7c007c00 0x7c007c00 0x7c007c00 0x7c007c00",
};

/** Nothing to widen and nothing to round. */
export const float32Differences: Differences = {
  ofHalf: (half) =>
    [0, 1, 2, 3].map((vector) => {
      const load = (address: string) => `(v128.load offset=${64 * half + 16 * vector} ${address})`;
      const [fine, base] = [load("(local.get $fine)"), load("(local.get $base)")];
      return `(local.set $d${vector} (f32x4.sub ${fine} ${base}))`;
    }).join("\n"),
  joinFlags: (first, second) => `(i16x8.narrow_i32x4_s ${first} ${second})`,
  magnitude: (differences) => `(f32x4.abs ${differences})`,
  hiddenFault: "(i32.const 0)",
};

/**
 * A bfloat16 is the upper half of a float32: shifting eight of them widens the even ones, masking the
 * odd ones. NaN and infinity widen to themselves and survive the rounding: they have no bits in the
 * lower half that could carry.
 */
export const bfloat16Differences: Differences = {
  ofHalf: (half) =>
    differencesOfHalves(
      half,
      (halves) => `(i32x4.shl ${halves} (i32.const 16))`,
      (halves) => `(v128.and ${halves} (local.get $upperHalves))`,
    ),
  joinFlags: joinEvenAndOdd,
  magnitude: (differences) => roundedMagnitude(differences, 16, "bfloat16"),
  hiddenFault: "(i32.const 0)",
};

/**
 * With its sign kept and its other bits three places lower, a float16 in the upper half of a word is
 * the float32 of 2⁻¹¹² times its value, subnormals included; a product sets the exponent right. NaN and
 * infinity would come out as numbers, so the highest magnitude of all operands is kept along. Rounding
 * at a fixed place is right for subnormal differences too: they are multiples of 2⁻²⁴ already. What rounds to
 * 2¹⁶ or more is infinity in float16, as 2¹¹² times it is in float32.
 */
export const float16Differences: Differences = {
  ofHalf: (half) =>
    differencesOfHalves(
      half,
      (halves) => widenFloat16(`(i32x4.shl ${halves} (i32.const 16))`),
      widenFloat16,
      `(local.set $highest (i16x8.max_u (local.get $highest) (i16x8.max_u
        (v128.and (local.get $f) (local.get $float16Unsigned))
        (v128.and (local.get $b) (local.get $float16Unsigned)))))`,
    ),
  joinFlags: joinEvenAndOdd,
  magnitude: (differences) =>
    `(f32x4.mul
      (f32x4.mul ${roundedMagnitude(differences, 13, "float16")} (local.get $float16Scale))
      (local.get $float16Unscale))`,
  hiddenFault: "(v128.any_true (i16x8.ge_u (local.get $highest) (local.get $float16Infinity)))",
};

/** Differences of sixteen 16-bit elements: `$d0` and `$d2` of even ones, `$d1` and `$d3` of odd ones. */
function differencesOfHalves(
  half: 0 | 1,
  widenEven: (halves: string) => string,
  widenOdd: (halves: string) => string,
  afterLoad = "",
): string {
  return [0, 1].map((pair) => {
    const load = (address: string) => `(v128.load offset=${32 * half + 16 * pair} ${address})`;
    const [f, b] = ["(local.get $f)", "(local.get $b)"];
    return `
          (local.set $f ${load("(local.get $fine)")})
          (local.set $b ${load("(local.get $base)")})
          ${afterLoad}
          (local.set $d${2 * pair} (f32x4.sub ${widenEven(f)} ${widenEven(b)}))
          (local.set $d${2 * pair + 1} (f32x4.sub ${widenOdd(f)} ${widenOdd(b)}))`;
  }).join("");
}

/** Even elements lie in the lower halves of a vector's words, odd ones in the upper halves. */
function joinEvenAndOdd(even: string, odd: string): string {
  return `(v128.bitselect ${odd} ${even} (local.get $upperHalves))`;
}

function widenFloat16(upper: string): string {
  return `(f32x4.mul
    (v128.and (i32x4.shr_s ${upper} (i32.const 3)) (local.get $float16Bits))
    (local.get $float16Scale))`;
}

/** Drops `places` bits, rounding to nearest with ties to even, and the sign. */
function roundedMagnitude(differences: string, places: number, type: string): string {
  return `(v128.and
      (i32x4.add (i32x4.add ${differences} (local.get $${type}Bias))
        (v128.and (i32x4.shr_u ${differences} (i32.const ${places})) (local.get $lowestBit)))
      (local.get $${type}Magnitude))`;
}
