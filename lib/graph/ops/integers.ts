/** Weights that are whole numbers of a few bits, with a scale and a zero point for each group of them. */

import { makeValue, type OnnxBuilder, requireShapes, type Value } from "../graph.ts";

/** How whole numbers are packed. */
export interface PackedIntegers {
  /** Of each number, 2 to 8. */
  readonly bits: number;
  /** Rows of one scale and zero point, a multiple of 32. */
  readonly group: number;
  /** Rows in all. */
  readonly rows: number;
}

/**
 * M `[rows, columns]` with `M[i, o] = scale[⌊i/group⌋, o] · (q[i, o] − zero[⌊i/group⌋, o])`, q and zero whole
 * numbers of `bits` bits in planes, a plane a bit, the lowest first. Without a gradient: what is packed is not
 * trained.
 *
 * @param planes `[bits · ⌈rows/32⌉, columns]`: bit k of word (w, o) of plane b is bit b of q[32w + k, o].
 * @param scale `[⌈rows/group⌉, columns]`
 * @param zero `[⌈rows/group⌉ · bits, ⌈columns/32⌉]`: bit k of word (g, b, v) is bit b of zero[g, 32v + k].
 */
export function integerMatrix(
  planes: Value,
  scale: Value,
  zero: Value,
  { bits, group, rows }: PackedIntegers,
): Value {
  const [groups, columns] = scale.shape;
  const [words, zeroWords] = [rows, columns].map((count) => Math.ceil(count / 32));
  const isOf = (value: Value, type: string, ...shape: number[]) =>
    value.type === type && `${value.shape}` === `${shape}`;
  requireShapes(
    isOf(scale, "f32", Math.ceil(rows / group), columns) &&
      isOf(planes, "i32", bits * words, columns) && isOf(zero, "i32", groups * bits, zeroWords),
    "integerMatrix",
    [planes, scale, zero],
    `planes of ${bits} bits for ${rows} rows in groups of ${group}, with a scale and a zero point each`,
  );
  return makeValue("integerMatrix", [planes, scale, zero], [rows, columns], {
    gradient: () => [null, null, null],
    onnx: (builder, [planes, scale, zero]) => {
      const whole = (...each: number[]) => shapeOf(builder, each);
      const numbers = sumOfPlanes(builder, planes, { bits, count: words, width: columns });
      const zeros = builder.node("Slice", [
        builder.node("Reshape", [
          sumOfPlanes(
            builder,
            builder.node("Transpose", [
              builder.node("Reshape", [zero, whole(groups, bits, zeroWords)]),
            ], { perm: [1, 0, 2] }),
            { bits, count: groups * zeroWords, width: 1 },
          ),
          whole(groups, zeroWords * 32),
        ]),
        whole(0),
        whole(columns),
        whole(1),
      ]);
      const groupOf = builder.constant(
        BigInt64Array.from({ length: words }, (_, word) => BigInt(Math.floor(32 * word / group))),
        [words, 1],
      );
      const ofWords = (each: string) => builder.node("Gather", [each, groupOf], { axis: 0 });
      const shifted = builder.node("Sub", [numbers, ofWords(zeros)]);
      const scaled = builder.node("Mul", [shifted, ofWords(scale)]);
      const padded = builder.node("Reshape", [scaled, whole(words * 32, columns)]);
      if (words * 32 === rows) return padded;
      return builder.node("Slice", [padded, whole(0), whole(rows), whole(0)]);
    },
    attributes: { bits, group },
  });
}

/** Σ 2ᵇ · bit b of planes `[bits, count, width]`, as `[count, 32, width]`, one plane after another. */
function sumOfPlanes(
  builder: OnnxBuilder,
  planes: string,
  { bits, count, width }: {
    readonly bits: number;
    readonly count: number;
    readonly width: number;
  },
): string {
  const whole = (...each: number[]) => shapeOf(builder, each);
  const grouped = builder.node("Reshape", [planes, whole(bits * count, 1, width)]);
  const places = builder.constant(Int32Array.from({ length: 32 }, (_, k) => 1 << k), [1, 32, 1]);
  const zero = builder.constant(Float32Array.of(0), []);
  let sum: string | null = null;
  for (let bit = 0; bit < bits; bit++) {
    const plane = builder.node("Slice", [
      grouped,
      whole(bit * count),
      whole((bit + 1) * count),
      whole(0),
    ]);
    const cleared = builder.node("Equal", [
      builder.node("BitwiseAnd", [plane, places]),
      builder.constant(Int32Array.of(0), []),
    ]);
    const power = builder.constant(Float32Array.of(2 ** bit), []);
    const ofPlane = builder.node("Where", [cleared, zero, power]);
    sum = sum ? builder.node("Add", [sum, ofPlane]) : ofPlane;
  }
  return sum!;
}

function shapeOf(builder: OnnxBuilder, sizes: readonly number[]): string {
  return builder.constant(BigInt64Array.from(sizes, BigInt), [sizes.length]);
}
