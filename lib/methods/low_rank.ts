/**
 * `low-rank`: each layer's delta as the product of two thin matrices in float16, at so many bits a weight: the
 * truncated singular value decomposition, or what loses least on the fine-tune's inputs.
 *
 * Source of the weighting: Wang et al., "SVD-LLM: Truncation-aware Singular Value Decomposition for Large Language
 * Model Compression" (2024), section 3.1.
 */

import { lowRankForm, lowRankTerm, rankOfBits } from "../codecs/low_rank.ts";
import { placeDelta } from "./low_rank/placed_delta.ts";
import {
  lowRankBits,
  lowRankParts,
  type LowRankSettings,
  lowRankSettings,
} from "./low_rank/settings.ts";
import { weightedPart } from "./low_rank/weighted_part.ts";
import type { ClosedForm } from "./method.ts";

/** Settings of the method. */
export type LowRankDeltaSettings = LowRankSettings & {
  /** Of both factors, a weight. */
  readonly bits: number;
};

/**
 * L = svd_k(Δ F) F⁻¹ with F Fᵀ = XᵀX / rows + ℓI, which is U Uᵀ Δ with U the leading eigenvectors of Δ F Fᵀ Δᵀ, or
 * svd_k(Δ); k the highest rank whose factors take no more than `bits`, at least 1.
 */
export const lowRankDelta: ClosedForm<LowRankDeltaSettings> = {
  kind: "closed form",
  name: "low-rank",
  summary: "truncated singular value decomposition, plain or weighted by inputs",
  module: import.meta.url,
  settings: {
    bits: lowRankBits(1, "bits a weight of both factors, which choose the rank"),
    ...lowRankSettings,
  },
  sweep: "bits",
  look: { hue: "green", marker: "square" },
  ...lowRankParts,
  form: ({ shape }, { bits }) => ({
    role: "delta",
    terms: [lowRankForm(shape, bits)],
  }),
  async compress(layer, { bits, ridge, startSeed: seed }, _engine, programs, { signal }) {
    const { shape, fineInputs: inputs } = layer;
    const rank = rankOfBits(shape, bits);
    const matrix = await placeDelta(programs, layer);
    try {
      const problem = { matrix, shape, inputs, ridge, rank, seed };
      const factors = await weightedPart(programs, problem, signal);
      return { shape, role: "delta", terms: [lowRankTerm(factors, shape, "F16")] };
    } finally {
      matrix.release();
    }
  },
};
