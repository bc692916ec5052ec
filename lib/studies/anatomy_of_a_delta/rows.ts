/** What is known of the layers of a delta, as the rows that figures and tables are made from. */

import type { LayerAnatomy } from "../../analysis/anatomy.ts";
import { density } from "../../analysis/histogram.ts";
import { type LayerKind, layerKinds, layerPlace } from "./layer_kind.ts";
import type { DeltaDensityRow, LayerProfileRow } from "../activation_aware_bitdelta/rows.ts";

/** The density of Δ / σ by kind, the layers of a kind together, each by its own σ. */
export function deltaDensityRows(
  pair: string,
  layers: readonly LayerAnatomy[],
): DeltaDensityRow[] {
  return layerKinds.flatMap((kind) => {
    const histograms = layers.filter(({ layer }) => layerPlace(layer).kind === kind)
      .map(({ histogram }) => histogram);
    return histograms.length === 0
      ? []
      : density(histograms).map((bin): DeltaDensityRow => ({ pair, kind, ...bin }));
  });
}

/**
 * One number a linear layer.
 *
 * @param values by the name of the layer, without `.weight`
 * @throws {ReportError} if a name is of no linear layer.
 */
export function layerProfileRows(
  pair: string,
  values: Iterable<readonly [layer: string, value: number]>,
): LayerProfileRow[] {
  return Array.from(values, ([layer, value]) => ({
    pair,
    ...layerPlace(layer),
    value,
    low: null,
    high: null,
  }));
}

/** The numbers of a layer's anatomy by name, a row of a data frame; `order` is that of its kind. */
export type AnatomyRecord =
  & { readonly kind: LayerKind }
  & {
    readonly [
      name in
        | "layer"
        | "order"
        | "outputs"
        | "inputs"
        | "meanMagnitude"
        | "rootMeanSquare"
        | "norm"
        | "relativeNorm"
        | "positiveShare"
        | "excessKurtosis"
        | "energyKept"
        | "entropy"
        | "entropyByRow"
        | "entropyByColumn"
        | "entropyAfterNeighbour"
        | "energyOfFirst"
    ]: number;
  };

/** The numbers of an anatomy that are one a layer. */
export function anatomyRecords(layers: readonly LayerAnatomy[]): AnatomyRecord[] {
  return layers.map(({ layer, shape, statistics, relativeNorm, signs, energyShares }) => ({
    ...layerPlace(layer),
    order: layerKinds.indexOf(layerPlace(layer).kind),
    outputs: shape[0],
    inputs: shape[1],
    meanMagnitude: statistics.meanMagnitude,
    rootMeanSquare: statistics.rootMeanSquare,
    norm: statistics.norm,
    relativeNorm,
    positiveShare: statistics.positiveShare,
    excessKurtosis: statistics.excessKurtosis,
    energyKept: statistics.energyKept,
    entropy: signs.overall,
    entropyByRow: signs.byRow,
    entropyByColumn: signs.byColumn,
    entropyAfterNeighbour: signs.afterNeighbour,
    energyOfFirst: energyShares[0],
  }));
}
