/** `rotary`: rotary position embedding of queries and keys. */

import type { RotaryFrequencies } from "../../checkpoint/rotary_frequencies.ts";
import { makeValue, type OnnxBuilder, requireShapes, type Shape, type Value } from "../graph.ts";

/** How the features of a row divide into sequences and heads. */
export interface HeadLayout {
  /** Sequences in the batch. */
  batch: number;
  /** Tokens of a sequence; position 0 comes first. */
  sequence: number;
  /** Features of one head. */
  headSize: number;
}

/**
 * Rotates the pair (i, i + d/2) of each head by the angle p · fᵢ, p the position and f the frequencies, and
 * lengthens it by the attention factor (Su et al. 2021, "RoFormer", in the half-split layout that Llama
 * checkpoints use).
 *
 * @param x `[batch · sequence, heads · headSize]`
 * @param inverse rotates by the negative angle: the gradient of a rotation is the rotation back, as long.
 */
export function rotary(
  x: Value,
  layout: HeadLayout,
  { frequencies, attentionFactor }: RotaryFrequencies,
  inverse = false,
): Value {
  const { batch, sequence, headSize } = layout;
  requireShapes(
    x.shape[0] === batch * sequence && x.shape[1] % headSize === 0 &&
      frequencies.length === headSize / 2,
    "rotary",
    [x],
    `[${batch} · ${sequence}, heads · ${headSize}], with a frequency for each pair of a head`,
  );
  const heads = x.shape[1] / headSize;
  return makeValue("rotary", [x], x.shape, {
    attributes: { batch, sequence, headSize, frequencies, attentionFactor, inverse },
    gradient: (
      upstream,
    ) => [rotary(upstream, layout, { frequencies, attentionFactor }, !inverse)],
    onnx: (builder, [x]) => {
      const split = reshape(builder, x, [batch, sequence, heads, headSize]);
      const { cosines, sines } = fullTables(layout, { frequencies, attentionFactor }, inverse);
      const tableShape = [sequence, 1, headSize];
      const half = BigInt64Array.of(BigInt(headSize / 2), BigInt(headSize / 2));
      const [first, second] = builder.nodes("Split", [split, builder.constant(half, [2])], 2, {
        axis: 3,
      });
      const swapped = builder.node("Concat", [second, first], { axis: 3 });
      const rotated = builder.node("Add", [
        builder.node("Mul", [split, builder.constant(cosines, tableShape)]),
        builder.node("Mul", [swapped, builder.constant(sines, tableShape)]),
      ]);
      return reshape(builder, rotated, [batch * sequence, heads * headSize]);
    },
  });
}

/** Cosines and sines of angles by position and place in a head, times the attention factor. */
export interface RotationTables {
  /** cos of each angle. */
  cosines: Float32Array;
  /** sin of each angle. */
  sines: Float32Array;
}

/** cos and sin of the angle of each pair, `[sequence, headSize / 2]`. */
export function rotationTables(sequence: number, turns: RotaryFrequencies): RotationTables {
  return rotationsAt(Array.from({ length: sequence }, (_, position) => position), turns);
}

/** cos and sin of the angle of each pair at each of some positions, `[positions, headSize / 2]`. */
export function rotationsAt(
  positions: readonly number[],
  { frequencies, attentionFactor }: RotaryFrequencies,
): RotationTables {
  const pairs = frequencies.length;
  const factor = Math.fround(attentionFactor);
  const cosines = new Float32Array(positions.length * pairs);
  const sines = new Float32Array(positions.length * pairs);
  for (let row = 0; row < positions.length; row++) {
    for (let pair = 0; pair < pairs; pair++) {
      // Each is rounded to float32 before it meets the next, as in the reference.
      const angle = Math.fround(positions[row] * frequencies[pair]);
      cosines[row * pairs + pair] = Math.fround(Math.cos(angle)) * factor;
      sines[row * pairs + pair] = Math.fround(Math.sin(angle)) * factor;
    }
  }
  return { cosines, sines };
}

/** cos and ±sin `[sequence, headSize]`; the sign is that of the term the swapped half adds. */
function fullTables(
  layout: HeadLayout,
  turns: RotaryFrequencies,
  inverse: boolean,
): RotationTables {
  const { cosines, sines } = rotationTables(layout.sequence, turns);
  const direction = inverse ? -1 : 1;
  const pairs = layout.headSize / 2;
  const element = (at: number) => Math.floor(at / (2 * pairs)) * pairs + at % pairs;
  const sign = (at: number) => at % (2 * pairs) < pairs ? -direction : direction;
  return {
    cosines: Float32Array.from({ length: 2 * cosines.length }, (_, at) => cosines[element(at)]),
    sines: Float32Array.from(
      { length: 2 * sines.length },
      (_, at) => sign(at) * sines[element(at)],
    ),
  };
}

function reshape(builder: OnnxBuilder, x: string, shape: Shape): string {
  return builder.node("Reshape", [
    x,
    builder.constant(BigInt64Array.from(shape, BigInt), [shape.length]),
  ]);
}
