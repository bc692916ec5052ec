/** One layer as its signs and one scale. */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { signsTerm } from "../codecs/signs.ts";
import { DeltaError } from "../util/errors.ts";

/**
 * α · S, to be added to the base.
 *
 * @param mask S, packed, `[ceil(in / 32), out]`.
 * @param scale α, which is rounded to a 32-bit float.
 * @throws {DeltaError} if there is no finite 32-bit float for the scale.
 */
export function scaledSigns(
  layer: string,
  shape: LinearShape,
  mask: Int32Array,
  scale: number,
): CompressedLayer {
  if (!Number.isFinite(Math.fround(scale))) {
    throw new DeltaError({
      problem: "has no usable scale",
      tensor: layer,
      value: String(scale),
      expected: "a finite 32-bit float for each layer of the delta",
    });
  }
  return { shape, role: "delta", terms: [signsTerm(mask, shape, { coeff: scale })] };
}
