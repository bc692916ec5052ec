/** Settings that methods of a low rank share. */

import type { RowSettings, Sees } from "../method.ts";
import type { NumberSetting, Schema } from "../../util/settings.ts";

/** What the low rank is nearest on, and where it is looked for. */
export type LowRankSettings = {
  /** Whether errors are weighted by what the fine-tune's inputs are. */
  readonly whitened: boolean;
  /** Rows of inputs. */
  readonly rows: number;
  /** Added to the inputs' second moments, in their mean. */
  readonly ridge: number;
  /** Of the directions that are looked in first. */
  readonly startSeed: number;
};

/** The settings. */
export const lowRankSettings: Schema<LowRankSettings> = {
  whitened: {
    kind: "choice",
    default: true,
    values: [true, false],
    help: "whether errors are weighted by the fine-tune's inputs",
  },
  rows: {
    kind: "whole number",
    default: 4096,
    minimum: 1,
    maximum: 100_000_000,
    help: "token rows of calibration, where errors are weighted",
  },
  ridge: {
    kind: "number",
    default: 0.01,
    minimum: 0,
    maximum: 100,
    help: "added to the inputs' second moments, in their mean",
  },
  startSeed: {
    kind: "whole number",
    default: 1,
    minimum: 0,
    maximum: 2 ** 31 - 1,
    help: "seed of the directions that are looked in first",
  },
};

/** What these settings make of a method: its variants, what it sees, and the rows that are looked at. */
export const lowRankParts: {
  readonly variants: Readonly<Record<string, { readonly whitened: boolean }>>;
  readonly sees: (settings: LowRankSettings) => Sees;
  readonly rows: (settings: LowRankSettings) => RowSettings | null;
} = {
  variants: { whitened: { whitened: true }, plain: { whitened: false } },
  sees: ({ whitened }) => whitened ? "fine inputs" : "weights",
  rows: ({ whitened, rows }) => whitened ? { rows, padding: "left out" } : null,
};

/** The setting of the bits a weight that choose the rank. */
export function lowRankBits(usual: number, help: string): NumberSetting {
  return { kind: "number", default: usual, minimum: 0.001, maximum: 16, help };
}
