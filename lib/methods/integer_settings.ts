/** Settings of methods that store a fine-tune's weights as whole numbers of a few bits, and the form that they give. */

import type { IntegerForm } from "../codecs/integers.ts";
import type { Schema } from "../util/settings.ts";

/** How weights are stored. */
export type IntegerSettings = {
  /** Of each weight. */
  readonly bits: number;
  /** Columns that share a scale and a zero point. */
  readonly group: 32 | 64 | 128 | 256 | 512 | 1024;
};

/** The settings' schema. */
export const integerSettings: Schema<IntegerSettings> = {
  bits: {
    kind: "whole number",
    default: 4,
    minimum: 2,
    maximum: 8,
    help: "bits of each weight",
  },
  group: {
    kind: "choice",
    default: 128,
    values: [32, 64, 128, 256, 512, 1024],
    help: "columns that share a scale",
  },
};

/** The form of weights, which float16 has the range for. */
export function weightForm({ bits, group }: IntegerSettings): Omit<IntegerForm, "ordered"> {
  return { bits, group, type: "F16" };
}
