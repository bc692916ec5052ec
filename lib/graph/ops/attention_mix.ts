/**
 * `attentionMix`: sums of value rows weighted by attention, head by head, and the transposed sum
 * that its own gradient and that of `attentionScores` need.
 */

import { elementCount, makeValue, requireShapes, sameShape, type Value } from "../graph.ts";
import { ATTENTION_MIX, ATTENTION_MIX_TRANSPOSED } from "../../engines/webgpu/kernels/attention.ts";
import { elementKernel } from "../../engines/webgpu/kernels/grid.ts";
import { attentionScores } from "./attention_scores.ts";
import { joinHeads, reshape, splitGroups } from "./head_layout.ts";
import type { HeadLayout } from "./rotary.ts";

/**
 * y[b, i, h] = Σⱼ P[b, h, i, j] · v[b, j, ⌊h·K/H⌋]; or, with `transposedHeads` = K, the transpose
 * y[b, j, g] = Σ over i and the heads h of group g of P[b, h, i, j] · v[b, i, h].
 *
 * @param weights P `[batch, H, sequence, sequence]`
 * @param values v `[batch · sequence, K · headSize]`; transposed: `[batch · sequence, H · headSize]`
 * @returns `[batch · sequence, H · headSize]`; transposed: `[batch · sequence, K · headSize]`
 */
export function attentionMix(
  weights: Value,
  values: Value,
  layout: HeadLayout,
  transposedHeads?: number,
): Value {
  const { batch, sequence, headSize } = layout;
  const heads = weights.shape[1];
  const groups = transposedHeads ?? values.shape[1] / headSize;
  const transposed = transposedHeads !== undefined;
  const valueHeads = transposed ? heads : groups;
  requireShapes(
    sameShape(weights.shape, [batch, heads, sequence, sequence]) &&
      sameShape(values.shape, [batch * sequence, valueHeads * headSize]) &&
      Number.isInteger(groups) && Number.isInteger(heads / groups),
    "attentionMix",
    [weights, values],
    `[batch, heads, sequence, sequence] and ${batch * sequence} rows of heads of ${headSize}`,
  );
  const outputHeads = transposed ? groups : heads;
  const shape = [batch * sequence, outputHeads * headSize];
  return makeValue("attentionMix", [weights, values], shape, {
    attributes: { batch, sequence, headSize, keyHeads: groups, transposed },
    gradient: (upstream) =>
      transposed
        ? [attentionScores(values, upstream, layout), attentionMix(weights, upstream, layout)]
        : [
          attentionScores(upstream, values, layout),
          attentionMix(weights, upstream, layout, groups),
        ],
    onnx: (builder, [weights, values]) => {
      const rows = (heads / groups) * sequence;
      const grouped = reshape(builder, weights, [batch, groups, rows, sequence]);
      if (!transposed) {
        const shared = splitGroups(builder, values, layout, groups, groups);
        const mixed = builder.node("MatMul", [grouped, shared]);
        return joinHeads(builder, mixed, layout, heads);
      }
      const perQuery = splitGroups(builder, values, layout, heads, groups);
      const flipped = builder.node("Transpose", [grouped], { perm: [0, 1, 3, 2] });
      return joinHeads(builder, builder.node("MatMul", [flipped, perQuery]), layout, groups);
    },
    wgsl: (builder, [weights, values]) =>
      builder.dispatch(elementKernel(elementCount(shape), {
        name: transposed ? "attentionMixTransposed" : "attentionMix",
        reads: { weights, values },
        writes: { mixed: { shape } },
        sizes: { heads, sequence, headSize, group: heads / groups },
        body: transposed ? ATTENTION_MIX_TRANSPOSED : ATTENTION_MIX,
      })),
  });
}
