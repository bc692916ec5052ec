/**
 * `activation-aware`: each layer's scale in closed form from the inputs that the fine-tune sees on
 * calibration text, as the study "Activation-Aware BitDelta" does it, and corrected.
 */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { linearLayerNames, linearShape } from "../checkpoint/weights.ts";
import type { Delta } from "../delta/delta.ts";
import { withNumbers } from "../delta/delta.ts";
import { differenceMatrix, readDeltaMatrix } from "../delta/difference.ts";
import type { Engine } from "../graph/engine.ts";
import type { Watch } from "../util/progress.ts";
import { collectActivations } from "./activations.ts";
import type { ClosedForm } from "./method.ts";
import { type PendingProducts, ProjectionMeter } from "./projection_products.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import { scaledSigns } from "./scaled_signs.ts";

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

/** As the study ran it. */
export const studyActivationAware = { padding: "counted", centred: true, zero: 0 } as const;
/** The minimiser of ‖XΔᵀ − αXSᵀ‖ over real tokens, with the mask's own signs. */
export const correctedActivationAware = { padding: "left out", centred: false, zero: 1 } as const;

/** α = |⟨U, V⟩ / ⟨V, V⟩| with U = XΔᵀ and V = XSᵀ; see {@linkcode calibrateActivationAware}. */
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
      default: correctedActivationAware.padding,
      values: ["counted", "left out"],
      help: "whether padding counts as rows",
    },
    centred: {
      kind: "choice",
      default: correctedActivationAware.centred,
      values: [true, false],
      help: "whether the mean input is subtracted",
    },
    zero: {
      kind: "choice",
      default: correctedActivationAware.zero,
      values: [0, 1],
      help: "the sign of a zero of the delta",
    },
  },
  variants: { corrected: correctedActivationAware, "study-faithful": studyActivationAware },
  sweep: "rows",
  look: { hue: "blue", marker: "circle" },
  sees: "fine inputs",
  rows: ({ rows, padding }) => ({ rows, padding }),
  async compress({ name, shape, base, fine, signs, fineInputs }, settings, engine) {
    const meter = new ProjectionMeter(engine, settings);
    try {
      const pending = await meter.start(fineInputs!, differenceMatrix(base, fine), shape);
      const [{ cross, square }] = await meter.read([pending]);
      return scaledSigns(name, shape, signs.mask, Math.abs(sum(cross) / sum(square)));
    } finally {
      await meter.release();
    }
  },
};

/**
 * α = |⟨U, V⟩ / ⟨V, V⟩| with U = XΔᵀ and V = XSᵀ for each layer, where X `[rows, in]` are the fine-tune's
 * inputs. Equal to the study's |tr(ΔCSᵀ) / tr(SCSᵀ)| with C the covariance of X's rows, without C.
 *
 * @throws {TextError} if the sequences hold fewer rows than asked for.
 * @throws {DeltaError} if a layer's inputs are all alike, so that no scale is defined.
 */
export async function calibrateActivationAware(
  engine: Engine,
  base: Checkpoint,
  fine: Checkpoint,
  delta: Delta,
  sequences: CalibrationSequences,
  settings: ActivationAwareSettings,
  { onProgress, signal }: Watch = {},
): Promise<Delta> {
  const meter = new ProjectionMeter(engine, settings);
  const total = linearLayerNames(fine.config).length;
  const scales = new Map<string, Float32Array>();
  const pending = new Map<string, PendingProducts>();
  const finish = async () => {
    const products = await meter.read([...pending.values()]);
    for (const [index, layer] of [...pending.keys()].entries()) {
      const { cross, square } = products[index];
      scales.set(`${layer}.coeff`, Float32Array.of(Math.abs(sum(cross) / sum(square))));
      onProgress?.({ done: scales.size, total, label: layer });
    }
    pending.clear();
  };
  try {
    await collectActivations(
      engine,
      fine,
      sequences,
      settings,
      async ({ layers, inputs }) => {
        for (const layer of layers) {
          const matrix = await readDeltaMatrix(base, fine, layer);
          const shape = linearShape(fine.config, layer);
          pending.set(layer, await meter.start(inputs, matrix, shape));
        }
        // The last projection of a decoder layer: all of its products are read together.
        if (layers.some((layer) => layer.endsWith(".down_proj"))) await finish();
      },
      { signal },
    );
  } finally {
    await meter.release();
  }
  return withNumbers(delta, scales, { method: "activation-aware", settings: { ...settings } });
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
