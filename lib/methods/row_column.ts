/**
 * `row-column`: the signs of a delta with a scale for each row, each column, or both, least squares of what a layer
 * makes of its inputs. No sign is turned.
 *
 * Sources: Xu et al. 2024, "OneBit", and Li et al. 2024, "ARB-LLM" (alternating refinement of rows and columns), for
 * weights; here for deltas, under the inputs' second moments.
 */

import { signs as codec } from "../codecs/signs.ts";
import type { ClosedForm } from "./method.ts";
import { type ObjectiveSettings, objectiveSettings, seesOf } from "./objective_settings.ts";
import { biasSetting, type BiasSettings } from "./output_bias.ts";
import type { Matrices } from "../graph/linear_algebra/matrices.ts";
import { fitByTurns, fitColumns } from "./sign_fitting/fit_scales.ts";
import { maskedLayer } from "./sign_fitting/layer_signs.ts";
import { type ScaleKind, vectorForm } from "./sign_fitting/scaled_signs_matrix.ts";
import type { FittedSigns, MaskTask } from "./sign_fitting/start.ts";

/** Settings of the method. */
export type RowColumnSettings = ObjectiveSettings & BiasSettings & {
  /** Which scales there are. */
  readonly scales: ScaleKind;
};

/** Turns of fitting rows and columns at most. */
const TURNS = 4;

/**
 * Â = diag(r) S diag(c) with S the signs of the delta that is aimed at, and r and c where J(Â) is least, by turns: see
 * {@linkcode layerObjective}. Two vectors are stored in 16 bits, r fitted to c as that is stored; one in 32.
 */
export const rowColumn: ClosedForm<RowColumnSettings> = {
  kind: "closed form",
  name: "row-column",
  summary: "the signs of the delta, a scale a row and a scale a column in closed form",
  module: import.meta.url,
  settings: {
    ...objectiveSettings,
    bias: biasSetting,
    sequential: { ...objectiveSettings.sequential, default: false },
    scales: {
      kind: "choice",
      default: "row and column",
      values: ["row and column", "row", "column"],
      help: "which scales each mask has",
    },
  },
  variants: {
    "row and column": { scales: "row and column" },
    row: { scales: "row" },
    column: { scales: "column" },
  },
  sweep: "rows",
  look: { hue: "indigo", marker: "cross" },
  sees: seesOf,
  rows: ({ rows, padding }) => ({ rows, padding }),
  form: (_layer, { scales }) => ({
    role: "delta",
    terms: [{ codec: codec.name, form: vectorForm(scales) }],
  }),
  compress: (layer, settings, _engine, programs, watch) =>
    maskedLayer(
      layer,
      settings,
      {
        masks: 1,
        kind: settings.scales,
        keepsAim: false,
        async fit(matrices, task, start) {
          try {
            return { ...start, ...await fitted(matrices, task, start, settings.scales) };
          } catch (error) {
            start[Symbol.dispose]();
            throw error;
          }
        },
      },
      programs,
      watch,
    ),
};

/** Scales of the start's signs, from where they are. */
async function fitted(
  matrices: Matrices,
  task: MaskTask,
  { signs, scales, objective }: FittedSigns,
  kind: ScaleKind,
): Promise<Pick<FittedSigns, "scales" | "objective">> {
  const start = { scales, objective };
  if (kind === "row") return start;
  if (kind === "row and column") return await fitByTurns(matrices, task, signs, start, TURNS);
  const row = new Float32Array(signs.rows).fill(1);
  const column = new Float32Array(signs.columns).fill(task.fallback);
  return { scales: await fitColumns(matrices, task, signs, { row, column }), objective };
}
