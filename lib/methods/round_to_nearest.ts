/**
 * `round-to-nearest`: each weight of the fine-tune itself to the nearest whole number of a few bits ("RTN"), without a base
 * and without text: what a delta's bits are to be held against.
 */

import { integersForm } from "../codecs/integers.ts";
import { roundToIntegers } from "../codecs/round_integers.ts";
import { type IntegerSettings, integerSettings, weightForm } from "./integer_settings.ts";
import type { ClosedForm } from "./method.ts";

/** Ŵ = scale · (clamp(round(W / scale) + zero) − zero) in each group of columns, in the base's place. */
export const roundToNearest: ClosedForm<IntegerSettings> = {
  kind: "closed form",
  name: "round-to-nearest",
  summary: "the fine-tune's weights, each to the nearest number of a few bits",
  module: import.meta.url,
  settings: integerSettings,
  variants: { "4-bit": { bits: 4, group: 32 }, "8-bit": { bits: 8, group: 128 } },
  sweep: null,
  look: { hue: "purple", marker: "diamond" },
  sees: () => "weights",
  rows: () => null,
  form: (_, settings) => ({ role: "weight", terms: [integersForm(weightForm(settings))] }),
  async compress({ shape, fine }, settings, _engine, _programs, { signal }) {
    const term = await roundToIntegers(fine, null, weightForm(settings), signal);
    return { shape, role: "weight", terms: [term] };
  },
};
