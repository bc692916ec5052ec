/**
 * `ternary`: each element of the delta as −1, 0 or +1 times its row's scale, in two bits; small ones are 0.
 *
 * With the mean magnitude as threshold it is near the 0.7 · mean of Li, Zhang and Liu, "Ternary Weight Networks"
 * (2016), section 2.2; with the median it keeps half of the elements. The scale is the least-squares one of what is
 * kept, as there.
 */

import { ternaryForm, ternaryTerm } from "../codecs/ternary.ts";
import { elementCount } from "../checkpoint/tensor.ts";
import { findTrits, type Zeros } from "./elements/trits_job.ts";
import type { ClosedForm } from "./method.ts";

/** Settings of the method. */
export type TernarySettings = {
  /** Magnitude of the layer's delta up to which an element is 0. */
  readonly threshold: "median" | "mean";
  /** What has a scale of its own. */
  readonly scale: "row" | "scalar";
};

/**
 * T = sign(Δ) where |Δ| > τ and 0 elsewhere, with τ the median or mean |Δ| of the layer, and α = ⟨Δ, T⟩ / ⟨T, T⟩, the
 * mean magnitude of what is kept, of each row or of the layer. A row of which nothing is kept has the scale 0.
 */
export const ternaryDelta: ClosedForm<TernarySettings> = {
  kind: "closed form",
  name: "ternary",
  summary: "signs of large elements, zeros for small ones, least-squares scales",
  module: import.meta.url,
  settings: {
    threshold: {
      kind: "choice",
      default: "median",
      values: ["median", "mean"],
      help: "magnitude of a layer's delta up to which an element is 0",
    },
    scale: {
      kind: "choice",
      default: "row",
      values: ["row", "scalar"],
      help: "whether each row has a scale or the layer one",
    },
  },
  variants: { median: { threshold: "median" }, mean: { threshold: "mean" } },
  sweep: null,
  look: { hue: "teal", marker: "triangle-down" },
  sees: () => "weights",
  rows: () => null,
  form: (_, { scale }) => ({ role: "delta", terms: [ternaryForm(scale)] }),
  async compress(layer, { threshold, scale }, _engine, _programs, { signal }) {
    const { shape } = layer;
    const zeros: Zeros = threshold === "mean"
      ? { upTo: layer.signs.meanMagnitude }
      : { largest: Math.floor(elementCount(shape) / 2) };
    const { first, second, kept, sums } = await findTrits(layer, zeros, signal);
    const mean = (sum: number, count: number) => count === 0 ? 0 : sum / count;
    const total = (of: Float64Array) => of.reduce((sum, each) => sum + each, 0);
    const scales = scale === "row"
      ? Float32Array.from(sums, (sum, row) => mean(sum, kept[row]))
      : mean(total(sums), total(kept));
    return { shape, role: "delta", terms: [ternaryTerm([first, second], shape, scales)] };
  },
};
