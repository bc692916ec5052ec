/** Settings that methods of a low rank share. */

import type { RowSettings } from "../method.ts";
import type { Schema } from "../../util/settings.ts";

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

/** The rows that are looked at. */
export function lowRankRows({ whitened, rows }: LowRankSettings): RowSettings | null {
  return whitened ? { rows, padding: "left out" } : null;
}
