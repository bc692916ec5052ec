/** The inner product of gradient and output that the softmax inside attention takes back. */

import type { Kernel, Operand } from "../../kernel.ts";
import { type AttentionSizes, LANES } from "./tiles.ts";
import { FLAT_GROUP, foldedGroups } from "../../kernels/grid.ts";

/**
 * D[b, h, i] = ⟨upstream, output⟩ over the features of head h of token i, which is Σⱼ Pᵢⱼ ∂Pᵢⱼ without P.
 * Eight invocations share a row.
 */
export function attentionRowDots(
  { batch, sequence, heads, headSize }: AttentionSizes,
  upstream: Operand,
  output: Operand,
): Kernel {
  const rows = batch * sequence * heads;
  return {
    name: "attentionRowDots",
    reads: { upstream, output },
    writes: { result: { shape: [batch, heads, sequence] } },
    sizes: { rows, sequence, heads, headSize },
    workgroup: [LANES],
    groups: foldedGroups(Math.ceil(rows / 8)),
    module: "var<workgroup> shares: array<f32, 64>;",
    body: `
let row = (${FLAT_GROUP}) * 8u + lane / 8u;
var sum = 0.0;
if (row < sizes.rows) {
  for (var feature = lane % 8u; feature < sizes.headSize; feature += 8u) {
    let at = row * sizes.headSize + feature;
    sum = fma(upstream_at(at), output_at(at), sum);
  }
}
shares[lane] = sum;
workgroupBarrier();
if (lane % 8u == 0u && row < sizes.rows) {
  for (var other = 1u; other < 8u; other++) { sum += shares[lane + other]; }
  let token = row / sizes.heads;
  let batchHead = token / sizes.sequence * sizes.heads + row % sizes.heads;
  result[batchHead * sizes.sequence + token % sizes.sequence] = sum;
}`,
  };
}
