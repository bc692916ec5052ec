/**
 * `mixed-precision-svd`: singular vectors of the delta in groups of falling width: the first ones in 8 bits a number,
 * the next in 3, and as many as the budget holds in 2.
 *
 * Source: Ping et al., "Delta-CoMe: Training-Free Delta-Compression with Mixed-Precision for Large Language Models" (2024).
 * There vectors are rounded by GPTQ; here each to the nearest numbers of its best step, and the whole is weighted by
 * the fine-tune's inputs where that is asked for.
 */

import type { LinearShape } from "../checkpoint/weights.ts";
import { bitsOfRank, roundedLowRankForm, roundedLowRankTerm } from "../codecs/rounded_low_rank.ts";
import { placeDelta } from "./low_rank/placed_delta.ts";
import { roundedVector } from "./low_rank/rounded_vectors.ts";
import {
  lowRankBits,
  lowRankParts,
  type LowRankSettings,
  lowRankSettings,
} from "./low_rank/settings.ts";
import { weightedPart } from "./low_rank/weighted_part.ts";
import type { ClosedForm } from "./method.ts";

/** Settings of the method. */
export type MixedPrecisionSvdSettings = LowRankSettings & {
  /** Of all groups, a weight. */
  readonly bits: number;
};

/** Widths of the groups, and the most vectors of each. */
const GROUPS = [{ bits: 8, most: 2 }, { bits: 3, most: 32 }, { bits: 2, most: Infinity }];

/** Σ σ_k û_k v̂_kᵀ over groups, û and v̂ of 8, 3 and 2 bits a number, at no more than `bits` a weight. */
export const mixedPrecisionSvd: ClosedForm<MixedPrecisionSvdSettings> = {
  kind: "closed form",
  name: "mixed-precision-svd",
  summary: "singular vectors in groups of 8, 3 and 2 bits",
  module: import.meta.url,
  settings: {
    bits: lowRankBits(1, "bits a weight of all singular vectors"),
    ...lowRankSettings,
  },
  sweep: "bits",
  look: { hue: "magenta", marker: "triangle-right" },
  ...lowRankParts,
  form: ({ shape }, { bits }) => ({
    role: "delta",
    terms: groupsOf(shape, bits).map((group) => roundedLowRankForm(group.rank, group.bits)),
  }),
  async compress(layer, { bits, ridge, startSeed: seed }, _engine, programs, { signal }) {
    const { shape, fineInputs: inputs } = layer;
    const [outSize, inSize] = shape;
    const groups = groupsOf(shape, bits);
    const rank = groups.reduce((sum, group) => sum + group.rank, 0);
    const matrix = await placeDelta(programs, layer);
    try {
      const found = await weightedPart(
        programs,
        { matrix, shape, inputs, ridge, rank, seed },
        signal,
      );
      let first = 0;
      const terms = groups.map((group) => {
        const begin = first;
        first += group.rank;
        const scale = new Float32Array(group.rank);
        const left = new Float32Array(group.rank * outSize);
        const right = new Float32Array(group.rank * inSize);
        for (let k = 0; k < group.rank; k++) {
          const at = begin + k;
          const column = Float32Array.from(
            { length: outSize },
            (_, o) => found.left[o * rank + at],
          );
          const u = roundedVector(column, group.bits);
          const v = roundedVector(found.right.subarray(at * inSize, (at + 1) * inSize), group.bits);
          left.set(u.numbers, k * outSize);
          right.set(v.numbers, k * inSize);
          scale[k] = u.step * v.step;
        }
        return roundedLowRankTerm({ left, right, scale }, shape, group.bits);
      });
      return { shape, role: "delta", terms };
    } finally {
      matrix.release();
    }
  },
};

/** As many vectors of each group as half of what is left holds, of the last as many as all of it; one at least. */
function groupsOf(shape: LinearShape, bits: number): { bits: number; rank: number }[] {
  let left = bits * shape[0] * shape[1];
  let ranks = Math.min(...shape);
  const groups = GROUPS.map(({ bits, most }, index) => {
    const share = index === GROUPS.length - 1 ? left : left / 2;
    const rank = Math.min(most, ranks, Math.floor(share / bitsOfRank(shape, bits)));
    left -= rank * bitsOfRank(shape, bits);
    ranks -= rank;
    return { bits, rank };
  }).filter(({ rank }) => rank > 0);
  return groups.length > 0 ? groups : [{ bits: 2, rank: 1 }];
}
