/**
 * The seven linear layers of a decoder layer by their short names, as figures of a delta show them.
 */

import { ReportError } from "../../figures/report_error.ts";

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
