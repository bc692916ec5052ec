/** One layer as the signs of its delta and one scale. */

import type { CompressedLayer, LayerForm } from "../codecs/codec.ts";
import { scalarSigns, signsTerm } from "../codecs/signs.ts";
import { DeltaError } from "../util/errors.ts";
import type { LayerInput } from "./method.ts";

/** How {@linkcode scaledSigns} stores a layer. */
export const scaledSignsForm: Omit<LayerForm, "shape"> = { role: "delta", terms: [scalarSigns] };

/**
 * α · sign(Δ), to be added to the base.
 *
 * @param scale α, which is rounded to a 32-bit float.
 * @throws {DeltaError} if no finite 32-bit float is near the scale.
 */
export function scaledSigns({ name, shape, signs }: LayerInput, scale: number): CompressedLayer {
  if (Number.isFinite(Math.fround(scale))) {
    return { shape, role: "delta", terms: [signsTerm(signs.mask, shape, { coeff: scale })] };
  }
  throw new DeltaError({
    problem: "has no usable scale",
    tensor: name,
    value: String(scale),
    expected: "a finite 32-bit float for each layer of the delta",
  });
}
