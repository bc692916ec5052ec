/**
 * `activation-aware+`: about one bit a weight without a gradient step. Layers are compressed in the order of the
 * forward pass, each aimed at the fine-tune's own outputs from what the compressed model so far gives it, by two
 * families of forms; the model that is nearer to the fine-tune, by KL on calibration text that neither saw, is kept:
 * the error of layers ranks forms of one family, and not families. Embedding and head, two fifths of a file of one bit
 * a weight, take four bits of their delta.
 *
 * This project's own; what its families follow is said where they are.
 */

import { doubleBinary } from "./double_binary.ts";
import type { Chosen, RowSettings } from "./method.ts";
import { refinedSigns } from "./refined_signs.ts";
import { type Tables, tablesSetting } from "./tables.ts";

/** Settings of the method. */
export type ActivationAwarePlusSettings = {
  /** Rows that both families see. */
  readonly rows: number;
  /** Whether padding counts as rows. */
  readonly padding: RowSettings["padding"];
  /** Whether two families are compared, or one is all. */
  readonly families: "both" | "one";
  /** Sequences that are kept aside. */
  readonly aside: number;
  /** How embedding and head are kept. */
  readonly tables: Tables;
};

/** The nearer of signs that are turned where that serves a layer's outputs, and of two matrices of signs. */
export const activationAwarePlus: Chosen<ActivationAwarePlusSettings> = {
  kind: "chosen",
  name: "activation-aware+",
  summary: "closed forms layer after layer, of two families the nearer by KL",
  module: import.meta.url,
  settings: {
    rows: {
      kind: "whole number",
      default: 4096,
      minimum: 1,
      maximum: 100_000_000,
      help: "token rows of calibration, beside what is kept aside",
    },
    padding: {
      kind: "choice",
      default: "left out",
      values: ["counted", "left out"],
      help: "whether padding counts as rows",
    },
    families: {
      kind: "choice",
      default: "both",
      values: ["both", "one"],
      help:
        "whether two families are compared; one alone, of turned signs, takes a part of the time",
    },
    aside: {
      kind: "whole number",
      default: 16,
      minimum: 2,
      maximum: 1_000_000,
      help: "calibration sequences that are kept aside to compare families on",
    },
    tables: tablesSetting("4-bit"),
  },
  variants: { full: { families: "both" }, light: { families: "one" } },
  sweep: "rows",
  look: { hue: "blue", marker: "star" },
  candidates({ families, rows, padding, tables }) {
    const settings = { rows, padding, tables };
    const found = families === "one" ? [refinedSigns] : [refinedSigns, doubleBinary];
    return found.map(({ name }) => ({ method: name, settings }));
  },
  aside: ({ families, aside }) => families === "one" ? 0 : aside,
};
