/**
 * `initial`: each layer's scale is the mean magnitude of its delta, where BitDelta starts from.
 *
 * Source: Liu et al., "BitDelta: Your Fine-Tune May Only Be Worth One Bit", equations 1 to 3.
 */

import type { ClosedForm } from "./method.ts";
import { scaledSigns, scaledSignsForm } from "./scaled_signs.ts";

/** α = mean|Δ|, which minimises ‖Δ − αS‖ with S = sign(Δ), a zero counting as +1. */
export const initial: ClosedForm<Record<never, never>> = {
  kind: "closed form",
  name: "initial",
  summary: "mean |Δ| of each layer",
  module: import.meta.url,
  settings: {},
  variants: {},
  sweep: null,
  look: { hue: "pink", marker: "triangle-up" },
  sees: () => "extracted signs",
  rows: () => null,
  form: () => scaledSignsForm,
  compress: (layer) => Promise.resolve(scaledSigns(layer, layer.signs.meanMagnitude)),
};
