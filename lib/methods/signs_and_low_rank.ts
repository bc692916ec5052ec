/**
 * `signs-and-low-rank`: one bit a weight, and a low rank of what the signs leave.
 *
 * L = U Uᵀ R with R = Δ − diag(α) sign(Δ) and U the leading eigenvectors of R C Rᵀ: of its rank, what loses least on the
 * inputs. α_i = ⟨u_i, v_i⟩ / ⟨v_i, v_i⟩, u_i and v_i the i-th columns of XΔᵀ and X sign(Δ)ᵀ; without inputs the mean
 * |Δ| of the row.
 */

import { lowRankForm, lowRankTerm, rankOfBits } from "../codecs/low_rank.ts";
import { signs, signsTerm } from "../codecs/signs.ts";
import { input, type Value } from "../graph/graph.ts";
import { constant, multiply, scaleBy, subtract } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { sign } from "../graph/ops/signs.ts";
import type { ProgramCache } from "../graph/program_cache.ts";
import { placeDelta } from "./low_rank/placed_delta.ts";
import {
  lowRankBits,
  lowRankParts,
  type LowRankSettings,
  lowRankSettings,
} from "./low_rank/settings.ts";
import { weightedPart } from "./low_rank/weighted_part.ts";
import type { ClosedForm, LayerInput } from "./method.ts";
import { projectionProducts } from "./projection_products.ts";

/** Settings of the method. */
export type SignsAndLowRankSettings = LowRankSettings & {
  /** Of the low rank, a weight, beside the one of the signs. */
  readonly bits: number;
};

/** diag(α) sign(Δ) + L. */
export const signsAndLowRank: ClosedForm<SignsAndLowRankSettings> = {
  kind: "closed form",
  name: "signs-and-low-rank",
  summary: "signs with a scale a row, and a low rank of what they leave",
  module: import.meta.url,
  settings: {
    bits: lowRankBits(0.25, "bits a weight of the low rank, beside the one of the signs"),
    ...lowRankSettings,
  },
  sweep: "bits",
  look: { hue: "indigo", marker: "bowtie" },
  ...lowRankParts,
  form: ({ shape }, { bits }) => ({
    role: "delta",
    terms: [{ codec: signs.name, form: { scale: "row" } }, lowRankForm(shape, bits)],
  }),
  async compress(layer, { bits, ridge, startSeed: seed }, _engine, programs, { signal }) {
    const { shape, fineInputs: inputs } = layer;
    const rank = rankOfBits(shape, bits);
    const row = await rowScales(programs, layer);
    const left = await placeDelta(programs, layer, "what signs leave", (delta) => {
      const factors = matmul(input("row", [shape[0], 1]), ones([1, shape[1]]));
      return subtract(delta, multiply(sign(delta, 1), factors));
    }, { row });
    try {
      const problem = { matrix: left, shape, inputs, ridge, rank, seed };
      const factors = await weightedPart(programs, problem, signal);
      const signed = signsTerm(layer.signs.mask, shape, { row });
      return { shape, role: "delta", terms: [signed, lowRankTerm(factors, shape, "F16")] };
    } finally {
      left.release();
    }
  },
};

/** α, `[out]`; 0 where a row is 0 on all inputs. */
async function rowScales(programs: ProgramCache, layer: LayerInput): Promise<Float32Array> {
  const { shape: [outSize, inSize], fineInputs } = layer;
  if (fineInputs) {
    const settings = { centred: false, zero: 1 } as const;
    const { cross, square } = await projectionProducts(programs, fineInputs, layer, settings);
    return Float32Array.from(cross, (each, row) => square[row] > 0 ? each / square[row] : 0);
  }
  const means = await placeDelta(programs, layer, "mean magnitudes of rows", (delta) => {
    const magnitudes = multiply(delta, sign(delta, 1));
    return scaleBy(matmul(magnitudes, ones([inSize, 1])), 1 / inSize);
  });
  try {
    return Float32Array.from((await programs.engine.read([means]))[0].subarray(0, outSize));
  } finally {
    means.release();
  }
}

function ones(shape: readonly [number, number]): Value {
  return constant(new Float32Array(shape[0] * shape[1]).fill(1), shape);
}
