/**
 * `compeft`: the largest elements of each layer's delta by magnitude, their signs and one scale, α times the standard
 * deviation of the delta, or the least-squares one.
 *
 * Source: Yadav, Choshen, Raffel and Bansal, "ComPEFT: Compression for Communicating Parameter Efficient Updates
 * via Sparsification and Quantization" (2023), section 2, which takes density and σ of the whole task vector and chooses
 * α on validation data; here both are a layer's own. Positions are stored within half a bit an element of their
 * entropy, as Golomb's code there.
 */

import { elementCount } from "../checkpoint/tensor.ts";
import type { LinearShape } from "../checkpoint/weights.ts";
import { sparseSignsForm, sparseSignsTerm } from "../codecs/sparse_signs.ts";
import { findLargest } from "./elements/largest_job.ts";
import type { ClosedForm } from "./method.ts";

/** Settings of the method. */
export type CompeftSettings = {
  /** Share of a layer's elements that is kept. */
  readonly density: number;
  /** The scale in standard deviations of the delta; 0: the mean magnitude of what is kept. */
  readonly alpha: number;
};

/** α · σ(Δ) · sign(Δ) for the k largest |Δ|, k = density · out · in but at least 1, and 0 elsewhere. */
export const compeft: ClosedForm<CompeftSettings> = {
  kind: "closed form",
  name: "compeft",
  summary: "signs of the largest elements, one scale",
  module: import.meta.url,
  settings: {
    density: {
      kind: "number",
      default: 0.19,
      minimum: 0.0001,
      maximum: 1,
      help: "share of a layer's elements that is kept; 0.19 takes one bit a weight",
    },
    alpha: {
      kind: "number",
      default: 0,
      minimum: 0,
      maximum: 100,
      help: "scale in standard deviations of the delta; 0: the least-squares one",
    },
  },
  variants: { "least squares": { alpha: 0 }, "one deviation": { alpha: 1 } },
  sweep: "density",
  look: { hue: "gold", marker: "star" },
  sees: () => "weights",
  rows: () => null,
  form: ({ shape }, { density }) => ({
    role: "delta",
    terms: [sparseSignsForm(keptOf(shape, density))],
  }),
  async compress(layer, { density, alpha }, _engine, _programs, { signal }) {
    const { shape } = layer;
    const kept = keptOf(shape, density);
    const { stored, deviation, magnitude } = await findLargest(layer, kept, signal);
    const scale = alpha === 0 ? magnitude : alpha * deviation;
    return { shape, role: "delta", terms: [sparseSignsTerm(stored, shape, kept, scale)] };
  },
};

function keptOf(shape: LinearShape, density: number): number {
  return Math.max(1, Math.round(density * elementCount(shape)));
}
