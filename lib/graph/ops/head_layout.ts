/**
 * Moving between rows of tokens and batches of heads, as ONNX nodes that the two attention ops
 * share. Grouped queries need no repeated keys: the query heads of a group are stacked as rows.
 */

import type { OnnxBuilder, Shape } from "../graph.ts";
import type { HeadLayout } from "./rotary.ts";

/** `[batch · sequence, heads · size]` → `[batch, groups, heads/groups · sequence, size]`. */
export function splitGroups(
  builder: OnnxBuilder,
  rows: string,
  layout: HeadLayout,
  heads: number,
  groups: number,
): string {
  const { batch, sequence, headSize } = layout;
  const split = reshape(builder, rows, [batch, sequence, heads, headSize]);
  const byHead = builder.node("Transpose", [split], { perm: [0, 2, 1, 3] });
  if (heads === groups) return byHead;
  return reshape(builder, byHead, [batch, groups, (heads / groups) * sequence, headSize]);
}

/** The inverse of {@linkcode splitGroups}: back to `[batch · sequence, heads · size]`. */
export function joinHeads(
  builder: OnnxBuilder,
  grouped: string,
  layout: HeadLayout,
  heads: number,
): string {
  const { batch, sequence, headSize } = layout;
  const byHead = reshape(builder, grouped, [batch, heads, sequence, headSize]);
  const byToken = builder.node("Transpose", [byHead], { perm: [0, 2, 1, 3] });
  return reshape(builder, byToken, [batch * sequence, heads * headSize]);
}

/** The same numbers in another shape. */
export function reshape(builder: OnnxBuilder, x: string, shape: Shape): string {
  return builder.node("Reshape", [
    x,
    builder.constant(BigInt64Array.from(shape, BigInt), [shape.length]),
  ]);
}
