/** Invented rows, as a study would give them; no measurement of anything. */

import type { Domain } from "../../../lib/texts/domains.ts";
import { layerKinds } from "../../../lib/studies/anatomy_of_a_delta/layer_kind.ts";
import type {
  CalibrationSizeRow,
  WallClockRow,
} from "../../../lib/studies/activation_aware_bitdelta/rows.ts";
import type {
  DeltaDensityRow,
  LayerProfileRow,
} from "../../../lib/studies/anatomy_of_a_delta/rows.ts";

const pair = "sample base → sample fine-tune";

export const calibrationSizes = [32, 64, 128, 256, 512];

/** One domain's rows: two activation-aware curves and five lines; the base lies far off. */
export function sampleCalibrationRows(domain: Domain = "code"): CalibrationSizeRow[] {
  const common = { pair, domain, seedCount: 3 };
  const at = (perplexity: number) => ({
    ...common,
    perplexity,
    low: perplexity * 0.98,
    high: perplexity * 1.03,
    kl: 0.02,
    klLow: 0.015,
    klHigh: 0.025,
  });
  return [
    { ...at(31.25), method: "base", variant: null, calibrationSize: null },
    { ...at(8), method: "fine", variant: null, calibrationSize: null },
    { ...at(9.1), method: "initial", variant: null, calibrationSize: null },
    { ...at(8.6), method: "distilled", variant: "study-faithful", calibrationSize: null },
    { ...at(8.3), method: "distilled", variant: "corrected", calibrationSize: null },
    ...calibrationSizes.flatMap((calibrationSize): CalibrationSizeRow[] => [
      {
        ...at(8.7 + 3 / calibrationSize),
        method: "activation-aware",
        variant: "study-faithful",
        calibrationSize,
      },
      {
        ...at(8.4 + 2 / calibrationSize),
        method: "activation-aware",
        variant: "corrected",
        calibrationSize,
      },
    ]),
  ];
}

/** Rows as published: two methods, no intervals. */
export function samplePublishedRows(domain: Domain = "code"): CalibrationSizeRow[] {
  const common = {
    pair: "7B → 7B-chat",
    domain,
    variant: null,
    seedCount: 1,
    kl: null,
    klLow: null,
    klHigh: null,
  };
  const bare = { low: null, high: null };
  return [
    { ...common, ...bare, method: "distilled", calibrationSize: null, perplexity: 2.58 },
    ...calibrationSizes.map((calibrationSize, index): CalibrationSizeRow => ({
      ...common,
      ...bare,
      method: "activation-aware",
      calibrationSize,
      perplexity: 2.48 + index / 1000,
    })),
  ];
}

/** Wall clock at three batch sizes; the distillation runs out of memory at the last. */
export function sampleWallClockRows(): WallClockRow[] {
  return [1, 8, 32].flatMap((batchSize): WallClockRow[] => [
    {
      pair,
      method: "distilled",
      variant: null,
      batchSize,
      steps: 10,
      seconds: batchSize === 32 ? null : 20 * batchSize,
      low: null,
      high: null,
    },
    {
      pair,
      method: "activation-aware",
      variant: null,
      batchSize,
      steps: null,
      seconds: 3,
      low: 2.75,
      high: 3.5,
    },
  ]);
}

/** Normal densities of another width for each kind, in 40 bins from −4 to 4; the outermost are empty. */
export function sampleDensityRows(): DeltaDensityRow[] {
  return layerKinds.flatMap((kind, index) =>
    Array.from({ length: 40 }, (_, bin): DeltaDensityRow => {
      const [from, to] = [bin / 5 - 4, (bin + 1) / 5 - 4];
      const spread = 0.5 + index / 10;
      const density = Math.exp(-(((from + to) / 2 / spread) ** 2) / 2) / spread / 2.5066;
      return { pair, kind, from, to, density: bin % 39 === 0 ? 0 : density };
    })
  );
}

/** A quantity that waves from layer to layer, with intervals. */
export function sampleProfileRows(layers: number): LayerProfileRow[] {
  return layerKinds.flatMap((kind, index) =>
    Array.from({ length: layers }, (_, layer): LayerProfileRow => {
      const value = 0.3 + index / 20 + Math.sin(layer / 3 + index) / 10;
      return { pair, layer, kind, value, low: value - 0.02, high: value + 0.03 };
    })
  );
}
