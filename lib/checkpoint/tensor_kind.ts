/**
 * What a tensor is to a decoder, by its name alone: the kinds that sizes are told apart by. Not here: which
 * tensors a configuration has (`weights.ts`).
 */

import { EMBEDDING, HEAD, PROJECTIONS } from "./weights.ts";

/** Kinds of the tensors that are no linear layer's weights, and that a delta keeps whole. */
export type WholeKind = "embeddings" | "head" | "norms" | "biases" | "other";

/** The kind of a tensor that is no linear layer's weight. */
export function wholeKind(tensor: string): WholeKind {
  if (tensor === EMBEDDING) return "embeddings";
  if (tensor === HEAD) return "head";
  if (tensor.endsWith("norm.weight")) return "norms";
  return tensor.endsWith(".bias") ? "biases" : "other";
}

/** The projection of a linear layer, such as `mlp.up_proj`; `null` for what has none of their names. */
export function projectionOf(layer: string): string | null {
  const name = layer.split(".").slice(-2).join(".");
  return PROJECTIONS.find((projection) => projection === name) ?? null;
}
