/**
 * `bitdelta-on-quantised-base`: the base's weights in a few bits, and on them the delta's signs with their mean
 * magnitude, all of it in the base's place.
 *
 * Source: Liu et al. 2024, "BitDelta: Your Fine-Tune May Only Be Worth One Bit", the experiment with quantised bases:
 * W rounded to nearest in 8 bits, or by GPTQ in 4. Δ is that of the base as it was. Bits count both, though
 * fine-tunes of one base share the first.
 */

import { scalarSigns } from "../codecs/signs.ts";
import { gptq, type GptqSettings } from "./gptq.ts";
import type { ClosedForm } from "./method.ts";
import { roundToNearest } from "./round_to_nearest.ts";
import { scaledSigns } from "./scaled_signs.ts";

/** Settings of the method. */
export type QuantisedBaseSettings = GptqSettings & {
  /** The method that finds the base's numbers. */
  readonly quantiser: string;
};

/** Ŵ = Q(W_base) + α S, α = mean |Δ|, S = sign(Δ), a zero counting as +1. */
export const bitdeltaOnQuantisedBase: ClosedForm<QuantisedBaseSettings> = {
  kind: "closed form",
  name: "bitdelta-on-quantised-base",
  summary: "mean |Δ| of each layer, on a base of a few bits a weight",
  module: import.meta.url,
  settings: {
    quantiser: {
      kind: "choice",
      default: roundToNearest.name,
      values: [roundToNearest.name, gptq.name],
      help: "how the base's weights are rounded; rows, padding, order and damping are the latter's",
    },
    ...gptq.settings,
  },
  variants: {
    "8-bit rounded": { quantiser: roundToNearest.name, bits: 8 },
    "4-bit gptq": { quantiser: gptq.name, bits: 4 },
  },
  sweep: null,
  look: { hue: "purple", marker: "square" },
  sees: (settings) => isGptq(settings) ? gptq.sees(settings) : roundToNearest.sees(settings),
  rows: (settings) => isGptq(settings) ? gptq.rows(settings) : null,
  form(layer, settings) {
    const base = isGptq(settings)
      ? gptq.form(layer, settings)
      : roundToNearest.form(layer, settings);
    return { ...base, terms: [...base.terms, scalarSigns] };
  },
  async compress(layer, settings, ...others) {
    // Either rounds what it takes for the fine-tune.
    const ofBase = { ...layer, fine: layer.base };
    const base =
      await (isGptq(settings)
        ? gptq.compress(ofBase, settings, ...others)
        : roundToNearest.compress(ofBase, settings, ...others));
    const { terms } = scaledSigns(layer, layer.signs.meanMagnitude);
    return { ...base, terms: [...base.terms, ...terms] };
  },
};

function isGptq({ quantiser }: QuantisedBaseSettings): boolean {
  return quantiser === gptq.name;
}
