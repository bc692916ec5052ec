/** A delta taken apart: for each linear layer its statistics, signs, spectrum and distribution. */

import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { checkPair } from "../checkpoint/pair.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { linearLayerNames, type LinearShape, linearShape } from "../checkpoint/weights.ts";
import { differenceMatrix } from "../delta/difference.ts";
import type { Watch } from "../util/progress.ts";
import { type Histogram, histogram } from "./histogram.ts";
import { type MatrixStatistics, matrixStatistics } from "./matrix_statistics.ts";
import { type SignEntropy, signEntropy } from "./sign_entropy.ts";
import { energyShares, singularValues } from "./singular_values.ts";

/** The delta of one linear layer, described. */
export interface LayerAnatomy {
  /** Name without `.weight`. */
  readonly layer: string;
  /** `[out, in]`. */
  readonly shape: LinearShape;
  /** Moments of its delta. */
  readonly statistics: MatrixStatistics;
  /** ‖Δ‖ / ‖W_base‖ */
  readonly relativeNorm: number;
  /** Of Δ by its root mean square. */
  readonly histogram: Histogram;
  /** Entropy of its signs, in bits. */
  readonly signs: SignEntropy;
  /** Share of ‖Δ‖² in the k leading singular values, at index k − 1. */
  readonly energyShares: readonly number[];
}

/** What to look at. */
export interface AnatomyOptions extends Watch {
  /** Leading singular values of each layer; default: 32. */
  readonly leading?: number;
}

/**
 * Takes the delta of a pair apart, one layer at a time, in the order of the forward pass. A layer that
 * the fine-tune has as its base has it is left out.
 *
 * @throws {CheckpointError} if the two do not match, or a weight is NaN or infinite.
 *
 * @example
 * ```ts
 * import { Checkpoint, deltaAnatomy, linearLayerNames, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const layers = await deltaAnatomy(base, fine, { leading: 1 });
 * assert.deepEqual(layers.map(({ layer }) => layer), linearLayerNames(base.config));
 * // What signs keep of normal entries is 2/π.
 * assert.ok(layers.every(({ statistics }) => Math.abs(statistics.energyKept - 2 / Math.PI) < 0.1));
 * ```
 */
export async function deltaAnatomy(
  base: Checkpoint,
  fine: Checkpoint,
  { leading = 32, onProgress, signal }: AnatomyOptions = {},
): Promise<LayerAnatomy[]> {
  checkPair(base, fine);
  const names = linearLayerNames(fine.config);
  const layers: LayerAnatomy[] = [];
  for (const [index, layer] of names.entries()) {
    signal?.throwIfAborted();
    const [baseWeights, fineWeights] = [
      await base.stored.read(`${layer}.weight`),
      await fine.stored.read(`${layer}.weight`),
    ];
    const delta = differenceMatrix(baseWeights, fineWeights);
    if (delta.some((each) => each !== 0)) {
      layers.push(
        layerAnatomy(
          layer,
          linearShape(fine.config, layer),
          delta,
          toFloat32(baseWeights),
          leading,
        ),
      );
    }
    onProgress?.({ done: index + 1, total: names.length, label: layer });
  }
  return layers;
}

function layerAnatomy(
  layer: string,
  shape: LinearShape,
  delta: Float32Array,
  weights: Float32Array,
  leading: number,
): LayerAnatomy {
  const statistics = matrixStatistics(delta);
  return {
    layer,
    shape,
    statistics,
    relativeNorm: statistics.norm / matrixStatistics(weights).norm,
    histogram: histogram(delta, statistics.rootMeanSquare),
    signs: signEntropy(delta, shape),
    energyShares: energyShares(singularValues(delta, shape, leading), statistics.norm),
  };
}
