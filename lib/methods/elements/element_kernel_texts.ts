/**
 * The text of the kernels that choose elements, in WebAssembly's own notation: loops over floats one by one. What
 * each function does says `element_kernels.ts`.
 */

/** A loop over `$count` floats from `$at` on; `$index` counts them. */
function eachFloat(name: string, parameters: string, locals: string, body: string, result = "") {
  const type = /^\(result \w+\)/.exec(result)?.[0] ?? "";
  return `(func (export "${name}") (param $at i32) ${parameters} ${type}
    (local $index i32) (local $bits i32) ${locals}
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
      (local.set $bits (i32.load (local.get $at)))
      ${body}
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $next)))
    ${result.slice(type.length)})`;
}

const X = "(f32.reinterpret_i32 (local.get $bits))";
const MAGNITUDE = "(i32.and (local.get $bits) (i32.const 0x7fffffff))";
const UPPER = `(i32.shr_u ${MAGNITUDE} (i32.const 16))`;

/** Adds one to the bin of a table of whole numbers. */
function countIn(bin: string): string {
  return `(local.set $to (i32.add (local.get $table) (i32.shl ${bin} (i32.const 2))))
    (i32.store (local.get $to) (i32.add (i32.load (local.get $to)) (i32.const 1)))`;
}

const addTo = (offset: number, value: string) =>
  `(f64.store offset=${offset} (local.get $sums)
    (f64.add (f64.load offset=${offset} (local.get $sums)) ${value}))`;

/** Sets bit `$index` of bytes from an address on. */
function setBit(address: string, bit: string): string {
  return `(local.set $byte (i32.add ${address} (i32.shr_u ${bit} (i32.const 3))))
    (i32.store8 (local.get $byte) (i32.or (i32.load8_u (local.get $byte))
      (i32.shl (i32.const 1) (i32.and ${bit} (i32.const 7)))))`;
}

/** A loop over positions, of which one is in `$position`. */
function eachPosition(name: string, parameters: string, locals: string, body: string): string {
  return `(func (export "${name}") ${parameters}
    (local $index i32) (local $position i32) ${locals}
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
      (local.set $position (i32.load
        (i32.add (local.get $positions) (i32.shl (local.get $index) (i32.const 2)))))
      ${body}
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $next))))`;
}

const TRITS = eachFloat(
  "trits",
  `(param $first i32) (param $second i32) (param $stride i32) (param $count i32)
    (param $magnitude i32) (param $kept i32)`,
  `(local $bit i32) (local $a i32) (local $b i32) (local $positive i32) (local $large i32)
    (local $number i32) (local $sum f64)`,
  `(local.set $bit (i32.shl (i32.const 1) (i32.and (local.get $index) (i32.const 31))))
    (if (i32.eq (local.get $bit) (i32.const 1)) (then
      (local.set $a (i32.const -1))
      (local.set $b (i32.const -1))))
    (local.set $positive (f32.ge ${X} (f32.const 0)))
    (local.set $large (i32.gt_u ${MAGNITUDE} (local.get $magnitude)))
    (if (i32.eqz (local.get $positive)) (then
      (local.set $a (i32.xor (local.get $a) (local.get $bit)))))
    (if (i32.ne (local.get $positive) (local.get $large)) (then
      (local.set $b (i32.xor (local.get $b) (local.get $bit)))))
    (if (local.get $large) (then
      (local.set $number (i32.add (local.get $number) (i32.const 1)))
      (local.set $sum (f64.add (local.get $sum) (f64.promote_f32 (f32.abs ${X}))))))
    (if (i32.or
        (i32.lt_s (local.get $bit) (i32.const 0))
        (i32.eq (i32.add (local.get $index) (i32.const 1)) (local.get $count)))
      (then
        (i32.store (local.get $first) (local.get $a))
        (i32.store (local.get $second) (local.get $b))
        (local.set $first (i32.add (local.get $first) (local.get $stride)))
        (local.set $second (i32.add (local.get $second) (local.get $stride)))))`,
  "(result f64) (i32.store (local.get $kept) (local.get $number)) (local.get $sum)",
);

const SIGNED_SUM = eachFloat(
  "signedSum",
  "(param $words i32) (param $stride i32) (param $count i32)",
  "(local $bit i32) (local $sum f64)",
  `(local.set $bit (i32.shl (i32.const 1) (i32.and (local.get $index) (i32.const 31))))
    (local.set $sum (f64.add (local.get $sum) (f64.promote_f32 (select ${X} (f32.neg ${X})
      (i32.and (i32.load (local.get $words)) (local.get $bit))))))
    (if (i32.lt_s (local.get $bit) (i32.const 0)) (then
      (local.set $words (i32.add (local.get $words) (local.get $stride)))))`,
  "(result f64) (local.get $sum)",
);

const LARGER = eachFloat(
  "larger",
  "(param $positions i32) (param $signs i32) (param $count i32) (param $magnitude i32)",
  "(local $found i32) (local $taken i32) (local $byte i32) (local $sum f64)",
  `(local.set $taken (i32.gt_u ${MAGNITUDE} (local.get $magnitude)))
    (if (i32.and
        (i32.eq ${MAGNITUDE} (local.get $magnitude))
        (i32.gt_s (global.get $ties) (i32.const 0)))
      (then
        (global.set $ties (i32.sub (global.get $ties) (i32.const 1)))
        (local.set $taken (i32.const 1))))
    (if (local.get $taken) (then
      (local.set $sum (f64.add (local.get $sum) (f64.promote_f32 (f32.abs ${X}))))
      (i32.store (i32.add (local.get $positions) (i32.shl (local.get $found) (i32.const 2)))
        (local.get $index))
      (if (f32.ge ${X} (f32.const 0)) (then ${setBit("(local.get $signs)", "(local.get $found)")}))
      (local.set $found (i32.add (local.get $found) (i32.const 1)))))`,
  "(result i32) (global.set $sum (local.get $sum)) (local.get $found)",
);

const CHANGES = eachFloat(
  "changes",
  `(param $base i32) (param $positions i32) (param $planes i32) (param $stride i32)
    (param $count i32) (param $shift i32)`,
  "(local $step i32) (local $found i32) (local $to i32)",
  `(local.set $step (i32.shr_s
      (i32.sub (local.get $bits) (i32.load (local.get $base)))
      (local.get $shift)))
    (local.set $base (i32.add (local.get $base) (i32.const 4)))
    (if (local.get $step) (then
      (local.set $step (i32.xor
        (i32.shl (local.get $step) (i32.const 1))
        (i32.shr_s (local.get $step) (i32.const 31))))
      (i32.store (i32.add (local.get $positions) (i32.shl (local.get $found) (i32.const 2)))
        (local.get $index))
      (local.set $to (i32.add (local.get $planes) (local.get $found)))
      ${
    [0, 8, 16, 24].map((shift) =>
      `(i32.store8 (local.get $to) (i32.shr_u (local.get $step) (i32.const ${shift})))
      (local.set $to (i32.add (local.get $to) (local.get $stride)))`
    ).join("\n")
  }
      (local.set $found (i32.add (local.get $found) (i32.const 1)))))`,
  "(result i32) (local.get $found)",
);

/** The module. */
export const ELEMENT_TEXTS: string = `(module
  (import "floats" "memory" (memory 1))
  (global $ties (export "ties") (mut i32) (i32.const 0))
  (global $sum (export "magnitudeSum") (mut f64) (f64.const 0))
  ${
  eachFloat(
    "countUpper",
    "(param $table i32) (param $count i32)",
    "(local $to i32)",
    countIn(UPPER),
  )
}
  ${
  eachFloat(
    "countLower",
    "(param $table i32) (param $count i32) (param $upper i32)",
    "(local $to i32)",
    `(if (i32.eq ${UPPER} (local.get $upper)) (then
      ${countIn("(i32.and (local.get $bits) (i32.const 0xffff))")}))`,
  )
}
  ${
  eachFloat(
    "moments",
    "(param $sums i32) (param $count i32)",
    "(local $x f64)",
    `(local.set $x (f64.promote_f32 ${X}))
      ${addTo(0, "(local.get $x)")} ${addTo(8, "(f64.mul (local.get $x) (local.get $x))")}`,
  )
}
  ${TRITS} ${SIGNED_SUM} ${LARGER} ${CHANGES}
  ${
  eachPosition(
    "setBits",
    "(param $mask i32) (param $positions i32) (param $count i32)",
    "(local $byte i32)",
    setBit("(local.get $mask)", "(local.get $position)"),
  )
}
  ${
  eachPosition(
    "partsOfPositions",
    `(param $positions i32) (param $count i32) (param $places i32) (param $low i32)
      (param $high i32)`,
    "(local $place i32) (local $bit i32) (local $byte i32)",
    `(local.set $byte (i32.add (local.get $low) (i32.shr_u (local.get $place) (i32.const 3))))
      (i32.store (local.get $byte) (i32.or (i32.load (local.get $byte)) (i32.shl
        (i32.and (local.get $position)
          (i32.sub (i32.shl (i32.const 1) (local.get $places)) (i32.const 1)))
        (i32.and (local.get $place) (i32.const 7)))))
      (local.set $place (i32.add (local.get $place) (local.get $places)))
      (local.set $bit (i32.add (local.get $index)
        (i32.shr_u (local.get $position) (local.get $places))))
      ${setBit("(local.get $high)", "(local.get $bit)")}`,
  )
}
  ${
  eachPosition(
    "gather",
    `(param $floats i32) (param $positions i32) (param $count i32) (param $factor f32)
      (param $values i32)`,
    "",
    `(f32.store
      (i32.add (local.get $values) (i32.shl (local.get $index) (i32.const 2)))
      (f32.mul (local.get $factor) (f32.load
        (i32.add (local.get $floats) (i32.shl (local.get $position) (i32.const 2))))))`,
  )
})`;
