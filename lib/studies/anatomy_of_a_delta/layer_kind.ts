/**
 * The seven linear layers of a decoder layer by their short names, and how figures of a delta show them.
 */

import { ReportError } from "../../figures/figure.ts";
import type { SeriesLook } from "../../figures/style.ts";

/** Short names in the order of the forward pass, by the panel that shows them. */
export const layerKindGroups = {
  Attention: ["q", "k", "v", "o"],
  MLP: ["gate", "up", "down"],
} as const;

/** One of the seven linear layers: `q` stands for `self_attn.q_proj`. */
export type LayerKind = "q" | "k" | "v" | "o" | "gate" | "up" | "down";

/** Every kind, in the order of the forward pass. */
export const layerKinds: readonly LayerKind[] = Object.values(layerKindGroups).flat();

/** Where a linear layer stands. */
export interface LayerPlace {
  /** Index of the decoder layer, from 0. */
  readonly layer: number;
  /** Which of its linear layers. */
  readonly kind: LayerKind;
}

/**
 * Reads the name of a linear layer: `"model.layers.3.self_attn.q_proj"` is `q` of layer 3.
 *
 * @throws {ReportError} if the name is of no linear layer.
 *
 * @example
 * ```ts
 * import { layerPlace } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(layerPlace("model.layers.3.self_attn.q_proj"), { layer: 3, kind: "q" });
 * ```
 */
export function layerPlace(name: string): LayerPlace {
  const [, layer, short] = /\.(\d+)\.\w+\.(\w+)_proj$/.exec(name) ?? [];
  const kind = layerKinds.find((each) => each === short);
  if (kind !== undefined) return { layer: Number(layer), kind };
  throw new ReportError({
    problem: "is no linear layer",
    tensor: name,
    expected: "a name like 'model.layers.0.self_attn.q_proj'",
  });
}

/**
 * The looks of the kinds; those of one panel are farther apart than the rest. Their colours were found as those
 * of the palette, their lightness climbing by equal steps within a panel.
 */
export const layerKindLooks: Readonly<Record<LayerKind, SeriesLook>> = {
  q: { label: "q", colour: "#003e5d", dash: "solid", marker: "circle", open: false },
  k: { label: "k", colour: "#6b5300", dash: "dash", marker: "square", open: true },
  v: { label: "v", colour: "#777777", dash: "dot", marker: "diamond", open: false },
  o: { label: "o", colour: "#c282c9", dash: "dashdot", marker: "triangle-up", open: true },
  gate: { label: "gate", colour: "#444444", dash: "longdash", marker: "circle", open: true },
  up: { label: "up", colour: "#8654b9", dash: "longdashdot", marker: "square", open: false },
  down: { label: "down", colour: "#c28700", dash: "solid", marker: "diamond", open: true },
};
