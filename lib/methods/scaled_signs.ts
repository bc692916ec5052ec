/** One layer as its signs and one scale. */

import type { LinearShape } from "../checkpoint/weights.ts";
import type { CompressedLayer } from "../codecs/codec.ts";
import { wordsPerRow } from "../codecs/signs.ts";
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
  const [outSize, inSize] = shape;
  const bytes = new Uint8Array(mask.buffer, mask.byteOffset, mask.byteLength);
  const parts = {
    mask: { dtype: "I32", shape: [wordsPerRow(inSize), outSize], bytes },
    coeff: { dtype: "F32", shape: [], bytes: new Uint8Array(Float32Array.of(scale).buffer) },
  } as const;
  return { shape, role: "delta", terms: [{ codec: "signs", form: {}, parts }] };
}
