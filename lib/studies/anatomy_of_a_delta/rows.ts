/** What is known of the layers of a delta, as the rows that figures and tables are made from. */

import type { LayerAnatomy } from "../../analysis/anatomy.ts";
import { density } from "../../analysis/histogram.ts";
import { type LayerKind, layerKinds, layerPlace } from "./layer_kind.ts";

/** One bin of the distribution of a delta's entries, all layers of a kind together. */
export interface DeltaDensityRow {
  /** For titles: `"Llama-2-7b → Llama-2-7b-chat"`. */
  readonly pair: string;
  /** Kind of the layers. */
  readonly kind: LayerKind;
  /** Ends of the bin, in the unit of the quantity (Δ itself, or Δ by its spread). */
  readonly from: number;
  /** Upper end, like `from`. */
  readonly to: number;
  /** Share of the entries in the bin by its width: the bars' areas sum to 1. */
  readonly density: number;
}

/** A quantity of one linear layer: a norm, an entropy, a ratio of scales. */
export interface LayerProfileRow {
  /** For titles: `"Llama-2-7b → Llama-2-7b-chat"`. */
  readonly pair: string;
  /** Index of the decoder layer, from 0. */
  readonly layer: number;
  /** Which of its linear layers. */
  readonly kind: LayerKind;
  /** The quantity. */
  readonly value: number;
  /** Ends of an interval; both `null` where there is none. */
  readonly low: number | null;
  /** Upper end, like `low`. */
  readonly high: number | null;
}

/**
 * The density of Δ / σ by kind, the layers of a kind together, each by its own σ.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   deltaAnatomy,
 *   deltaDensityRows,
 *   density,
 *   projectPath,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const layers = await deltaAnatomy(base, fine, { leading: 1 });
 * const rows = deltaDensityRows("a pair", layers);
 * assert.ok(rows.every(({ density }) => density >= 0));
 * ```
 */
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
 *
 * @example
 * ```ts
 * import { layerProfileRows } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = layerProfileRows("a pair", [["model.layers.0.self_attn.q_proj", 0.5]]);
 * assert.deepEqual([rows[0].kind, rows[0].layer, rows[0].value], ["q", 0, 0.5]);
 * ```
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

/**
 * The numbers of an anatomy that are one a layer.
 *
 * @example
 * ```ts
 * import { anatomyRecords, Checkpoint, deltaAnatomy, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const layers = await deltaAnatomy(base, fine, { leading: 1 });
 * assert.equal(anatomyRecords(layers)[0].kind, "q");
 * ```
 */
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
