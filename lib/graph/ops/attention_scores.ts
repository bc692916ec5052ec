/**
 * `attentionScores`: the products of every query with every key, head by head, where several query
 * heads may share one key head. Scaling is the queries', masking
 * `maskedSoftmax`'s.
 */

import { makeValue, requireShapes, type Value } from "../graph.ts";
import { ATTENTION_SCORES } from "../../engines/webgpu/kernels/attention.ts";
import { elementKernel } from "../../engines/webgpu/kernels/grid.ts";
import { attentionMix } from "./attention_mix.ts";
import { reshape, splitGroups } from "./head_layout.ts";
import type { HeadLayout } from "./rotary.ts";

/**
 * P[b, h, i, j] = ⟨q[b, i, h], k[b, j, ⌊h·K/H⌋]⟩ with H query heads and K key heads.
 *
 * @param queries `[batch · sequence, H · headSize]`
 * @param keys `[batch · sequence, K · headSize]`, K a divisor of H
 * @returns `[batch, H, sequence, sequence]`
 */
export function attentionScores(queries: Value, keys: Value, layout: HeadLayout): Value {
  const { batch, sequence, headSize } = layout;
  const heads = queries.shape[1] / headSize;
  const keyHeads = keys.shape[1] / headSize;
  requireShapes(
    queries.shape[0] === batch * sequence && keys.shape[0] === batch * sequence &&
      Number.isInteger(heads / keyHeads) && Number.isInteger(keyHeads),
    "attentionScores",
    [queries, keys],
    `${batch * sequence} rows of whole heads of ${headSize}, query heads a multiple of key heads`,
  );
  return makeValue("attentionScores", [queries, keys], [batch, heads, sequence, sequence], {
    attributes: { batch, sequence, headSize, keyHeads },
    gradient: (upstream) => [
      attentionMix(upstream, keys, layout),
      attentionMix(upstream, queries, layout, keyHeads),
    ],
    onnx: (builder, [queries, keys]) => {
      const grouped = splitGroups(builder, queries, layout, heads, keyHeads);
      const shared = splitGroups(builder, keys, layout, keyHeads, keyHeads);
      const transposed = builder.node("Transpose", [shared], { perm: [0, 1, 3, 2] });
      const product = builder.node("MatMul", [grouped, transposed]);
      return reshape(builder, product, [batch, heads, sequence, sequence]);
    },
    wgsl: (builder, [queries, keys]) =>
      builder.dispatch(elementKernel(batch * heads * sequence ** 2, {
        name: "attentionScores",
        reads: { queries, keys },
        writes: { scores: { shape: [batch, heads, sequence, sequence] } },
        sizes: { heads, sequence, headSize, group: heads / keyHeads },
        body: ATTENTION_SCORES,
      })),
  });
}
