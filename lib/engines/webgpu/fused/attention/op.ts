/**
 * `fusedAttention`: scores, masked softmax and mix as one op that keeps no `[sequence, sequence]` matrix.
 * Only rewritings of a graph make it, after differentiation: it has no gradient rule; its backward ops are
 * in `fused_attention_gradient.ts`.
 */

import { makeValue, type Value } from "../../../../graph/graph.ts";
import { attentionForward, statisticsShape } from "./forward.ts";
import type { AttentionSizes } from "./tiles.ts";
import { part } from "../part.ts";
import { withoutOnnx } from "../without_onnx.ts";

/** What attention reads. */
export interface AttentionInputs {
  /** `[batch · sequence, H · headSize]`, already scaled. */
  readonly queries: Value;
  /** `[batch · sequence, K · headSize]`. */
  readonly keys: Value;
  /** `[batch · sequence, K · headSize]`. */
  readonly values: Value;
  /** i32 `[batch, sequence]`, 0 for padding; none: all are real. */
  readonly attentionMask?: Value;
}

/**
 * softmax(QKᵀ + mask) V, causal and within `sizes.window`, head by head.
 *
 * @returns `[batch · sequence, H · headSize]`; {@linkcode rowStatistics} is its second result.
 */
export function fusedAttention(inputs: AttentionInputs, sizes: AttentionSizes): Value {
  const { queries, keys, values, attentionMask } = inputs;
  const operands = [queries, keys, values, ...attentionMask ? [attentionMask] : []];
  return makeValue("fusedAttention", operands, queries.shape, {
    attributes: { ...sizes },
    onnx: withoutOnnx("fusedAttention"),
    wgsl: (builder, [queries, keys, values, attentionMask]) =>
      builder.dispatch(attentionForward(sizes, { queries, keys, values, attentionMask })),
  });
}

/** Of each query of each head its highest score and 1 / Σ exp(score − highest), `[batch, H, sequence, 2]`. */
export function rowStatistics(attention: Value, sizes: AttentionSizes): Value {
  return part(attention, 1, statisticsShape(sizes));
}
