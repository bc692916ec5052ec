/**
 * `activation-aware`: each layer's scale in closed form from the inputs that the fine-tune sees on
 * calibration text, as the study "Activation-Aware BitDelta" does it, and corrected.
 */

import type { ClosedForm } from "./method.ts";
import { projectionProducts } from "./projection_products.ts";
import { scaledSigns, scaledSignsForm } from "./scaled_signs.ts";

/** Settings of the method. */
export type ActivationAwareSettings = {
  /** Rows of inputs: the study's "calibration samples" are token rows. */
  readonly rows: number;
  /** Whether padding counts as rows. */
  readonly padding: "counted" | "left out";
  /** Whether the mean input is subtracted, as `torch.cov` does. */
  readonly centred: boolean;
  /** The sign of a zero: 0 in the study's scale, though its mask says +1. */
  readonly zero: 0 | 1;
};

/** The minimiser of ‖XΔᵀ − αXSᵀ‖ over real tokens, with the mask's own signs. */
const corrected = { padding: "left out", centred: false, zero: 1 } as const;
/** As the study ran it. */
const studyFaithful = { padding: "counted", centred: true, zero: 0 } as const;

/**
 * α = |⟨U, V⟩ / ⟨V, V⟩| with U = XΔᵀ and V = XSᵀ for each layer, where X `[rows, in]` are the fine-tune's
 * inputs. Equal to the study's |tr(ΔCSᵀ) / tr(SCSᵀ)| with C the covariance of X's rows, without C.
 *
 * A layer whose inputs are all alike, so that no scale is defined, is refused with a `DeltaError`.
 */
export const activationAware: ClosedForm<ActivationAwareSettings> = {
  kind: "closed form",
  name: "activation-aware",
  summary: "closed form from the fine-tune's activations",
  module: import.meta.url,
  settings: {
    rows: {
      kind: "whole number",
      default: 256,
      minimum: 1,
      maximum: 100_000_000,
      help: "token rows of calibration",
    },
    padding: {
      kind: "choice",
      default: corrected.padding,
      values: ["counted", "left out"],
      help: "whether padding counts as rows",
    },
    centred: {
      kind: "choice",
      default: corrected.centred,
      values: [true, false],
      help: "whether the mean input is subtracted",
    },
    zero: {
      kind: "choice",
      default: corrected.zero,
      values: [0, 1],
      help: "the sign of a zero of the delta",
    },
  },
  variants: { corrected, "study-faithful": studyFaithful },
  sweep: "rows",
  look: { hue: "blue", marker: "circle" },
  sees: () => "fine inputs",
  rows: ({ rows, padding }) => ({ rows, padding }),
  form: () => scaledSignsForm,
  async compress(layer, settings, _engine, programs) {
    const products = await projectionProducts(programs, layer.fineInputs!, layer, settings);
    return scaledSigns(layer, Math.abs(sum(products.cross) / sum(products.square)));
  },
};

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
