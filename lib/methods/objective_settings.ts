/** What every method that minimises a layer's objective is asked: which inputs it is of, and how held to them. */

import type { Schema } from "../util/settings.ts";
import type { RowSettings, Sees } from "./method.ts";
import { type Tables, tablesSetting } from "./tables.ts";

/** Settings of a layer's objective; see {@linkcode layerObjective}. */
export type ObjectiveSettings = {
  /** Rows of inputs. */
  readonly rows: number;
  /** Whether padding counts as rows. */
  readonly padding: RowSettings["padding"];
  /** Whether inputs are those of the compressed model so far, and each layer aims at the fine-tune's own output. */
  readonly sequential: boolean;
  /** ℓ in units of mean diag(XᵀX/T): how far unseen inputs are thought to be like white noise. */
  readonly ridge: number;
  /** How embedding and head are kept. */
  readonly tables: Tables;
};

/** Their schema; methods set defaults of their own. */
export const objectiveSettings: Schema<ObjectiveSettings> = {
  rows: {
    kind: "whole number",
    default: 4096,
    minimum: 1,
    maximum: 100_000_000,
    help: "token rows of calibration",
  },
  padding: {
    kind: "choice",
    default: "left out",
    values: ["counted", "left out"],
    help: "whether padding counts as rows",
  },
  sequential: {
    kind: "choice",
    default: true,
    values: [true, false],
    help: "whether inputs come through the layers compressed before",
  },
  ridge: {
    kind: "number",
    default: 0.2,
    minimum: 0,
    maximum: 1000,
    help: "share of the inputs' mean square that is added as white noise",
  },
  tables: tablesSetting("whole"),
};

/** What a method of these settings looks at. */
export function seesOf({ sequential }: Pick<ObjectiveSettings, "sequential">): Sees {
  return sequential ? "both inputs" : "fine inputs";
}
