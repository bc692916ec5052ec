/**
 * The text of the kernels of sparse matrices: which elements of a block are meant, and what is done to these. What
 * each function does says `float_kernels.ts`.
 */

/** Bits of a mask, byte by byte; a byte of zeros is passed over. */
const POSITIONS_OF_MASK = `(func (export "positionsOfMask")
  (param $mask i32) (param $positions i32) (param $count i32) (result i32)
  (local $at i32) (local $byte i32) (local $to i32)
  (local.set $to (local.get $positions))
  (block $done (loop $next
    (br_if $done (i32.ge_u (local.get $at) (local.get $count)))
    (local.set $byte (i32.load8_u (i32.add (local.get $mask) (i32.shr_u (local.get $at) (i32.const 3)))))
    (block $empty (loop $bit
      (br_if $empty (i32.eqz (local.get $byte)))
      (i32.store (local.get $to) (i32.add (local.get $at) (i32.ctz (local.get $byte))))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (local.set $byte (i32.and (local.get $byte) (i32.sub (local.get $byte) (i32.const 1))))
      (br $bit)))
    (local.set $at (i32.add (local.get $at) (i32.const 8)))
    (br $next)))
  (i32.shr_u (i32.sub (local.get $to) (local.get $positions)) (i32.const 2)))`;

/** Zeros before the j-th one of `high` are its high part; `places` bits of `low` its low part. */
const POSITIONS_OF_PARTS = `(func (export "positionsOfParts")
  (param $high i32) (param $bits i32) (param $low i32) (param $places i32) (param $positions i32)
  (param $count i32) (result i32)
  (local $most i32) (local $position i32) (local $index i32) (local $bit i32) (local $place i32) (local $mask i32) (local $zeros i32)
  (local.set $mask (i32.sub (i32.shl (i32.const 1) (local.get $places)) (i32.const 1)))
  (block $done (loop $next
    (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
    (block $found (loop $look
      (if (i32.ge_u (local.get $bit) (local.get $bits)) (then (return (i32.const -1))))
      (br_if $found (i32.and (i32.const 1) (i32.shr_u
        (i32.load8_u (i32.add (local.get $high) (i32.shr_u (local.get $bit) (i32.const 3))))
        (i32.and (local.get $bit) (i32.const 7)))))
      (local.set $bit (i32.add (local.get $bit) (i32.const 1)))
      (local.set $zeros (i32.add (local.get $zeros) (i32.const 1)))
      (br $look)))
    (local.set $bit (i32.add (local.get $bit) (i32.const 1)))
    (i32.store (local.get $positions) (local.tee $position (i32.or
      (i32.shl (local.get $zeros) (local.get $places))
      (i32.and (local.get $mask) (i32.shr_u
        (i32.load (i32.add (local.get $low) (i32.shr_u (local.get $place) (i32.const 3))))
        (i32.and (local.get $place) (i32.const 7)))))))
    (if (i32.gt_u (local.get $position) (local.get $most))
      (then (local.set $most (local.get $position))))
    (local.set $positions (i32.add (local.get $positions) (i32.const 4)))
    (local.set $place (i32.add (local.get $place) (local.get $places)))
    (local.set $index (i32.add (local.get $index) (i32.const 1)))
    (br $next)))
  (local.get $most))`;

/**
 * Selection sampling (Knuth, "The Art of Computer Programming" 2, section 3.4.2, algorithm S), with numbers of a
 * Weyl sequence mixed as in MurmurHash3's last step.
 */
const SAMPLE = `(func (export "sample")
  (param $seed i32) (param $positions i32) (param $kept i32) (param $count i32)
  (local $at i32) (local $x i32)
  (block $done (loop $next
    (br_if $done (i32.eqz (local.get $kept)))
    (local.set $seed (i32.add (local.get $seed) (i32.const 0x9e3779b9)))
    (local.set $x (i32.xor (local.get $seed) (i32.shr_u (local.get $seed) (i32.const 16))))
    (local.set $x (i32.mul (local.get $x) (i32.const 0x85ebca6b)))
    (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 13))))
    (local.set $x (i32.mul (local.get $x) (i32.const 0xc2b2ae35)))
    (local.set $x (i32.xor (local.get $x) (i32.shr_u (local.get $x) (i32.const 16))))
    (if (i64.lt_u
        (i64.shr_u (i64.mul
          (i64.extend_i32_u (local.get $x))
          (i64.extend_i32_u (i32.sub (local.get $count) (local.get $at)))) (i64.const 32))
        (i64.extend_i32_u (local.get $kept)))
      (then
        (i32.store (local.get $positions) (local.get $at))
        (local.set $positions (i32.add (local.get $positions) (i32.const 4)))
        (local.set $kept (i32.sub (local.get $kept) (i32.const 1)))))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br $next))))`;

/** A loop over positions, in which `$to` is the address of the element. */
function eachPosition(name: string, parameters: string, locals: string, body: string): string {
  return `(func (export "${name}")
    (param $at i32) (param $positions i32) (param $count i32) ${parameters}
    (local $index i32) (local $to i32) ${locals}
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
      (local.set $to (i32.add (local.get $at) (i32.shl
        (i32.load (i32.add (local.get $positions) (i32.shl (local.get $index) (i32.const 2))))
        (i32.const 2))))
      ${body}
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br $next))))`;
}

const ADD_AT = eachPosition(
  "addAt",
  "(param $values i32)",
  "",
  `(f32.store (local.get $to) (f32.add (f32.load (local.get $to))
    (f32.load (i32.add (local.get $values) (i32.shl (local.get $index) (i32.const 2))))))`,
);

const ADD_SIGNS_AT = eachPosition(
  "addSignsAt",
  "(param $signs i32) (param $scale f32)",
  "",
  `(f32.store (local.get $to) (f32.add (f32.load (local.get $to)) (select
    (local.get $scale)
    (f32.neg (local.get $scale))
    (i32.and (i32.const 1) (i32.shr_u
      (i32.load8_u (i32.add (local.get $signs) (i32.shr_u (local.get $index) (i32.const 3))))
      (i32.and (local.get $index) (i32.const 7)))))))`,
);

/** Steps are folded, 0, −1, 1, −2 …, and their bytes lie in planes, the lowest first. */
const STEP_AT = eachPosition(
  "stepAt",
  "(param $planes i32) (param $stride i32) (param $bytes i32) (param $shift i32)",
  "(local $step i32) (local $byte i32)",
  `(local.set $step (i32.const 0))
    (local.set $byte (i32.const 0))
    (loop $plane
      (local.set $step (i32.or (local.get $step) (i32.shl
        (i32.load8_u (i32.add (local.get $planes) (i32.add (local.get $index)
          (i32.mul (local.get $byte) (local.get $stride)))))
        (i32.shl (local.get $byte) (i32.const 3)))))
      (br_if $plane (i32.lt_u
        (local.tee $byte (i32.add (local.get $byte) (i32.const 1)))
        (local.get $bytes))))
    (i32.store (local.get $to) (i32.add (i32.load (local.get $to)) (i32.shl
      (i32.xor
        (i32.shr_u (local.get $step) (i32.const 1))
        (i32.sub (i32.const 0) (i32.and (local.get $step) (i32.const 1))))
      (local.get $shift))))`,
);

/** Functions of the module. */
export const SPARSE: string = [
  POSITIONS_OF_MASK,
  POSITIONS_OF_PARTS,
  SAMPLE,
  ADD_AT,
  ADD_SIGNS_AT,
  STEP_AT,
].join("\n");
