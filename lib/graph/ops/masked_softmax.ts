/**
 * `maskedSoftmax`: attention weights from scores: causal, within a sliding window, over real keys. Masks
 * combine by the minimum: a key hidden for two reasons is as hidden as for one.
 */

import { makeValue, type OnnxBuilder, requireShapes, sameShape, type Value } from "../graph.ts";
import {
  HIDDEN,
  maskedSoftmaxes,
  softmaxPartials,
} from "../../engines/webgpu/kernels/attention_softmax.ts";

/** What a query may see. */
export interface AttentionMask {
  /** Keys a query sees, itself included; `null`: all before it (Mistral's `sliding_window`). */
  slidingWindow: number | null;
  /** i32 `[batch, sequence]`, 0 for padding that no query may see. */
  keyMask?: Value;
}

/**
 * softmax over keys of scores + mask, for scores `[batch, heads, sequence, sequence]`. Queries are
 * scaled before they meet the keys: a pass over `[tokens, hidden]` instead of all the scores.
 *
 * A query that sees no real key attends to all keys of its sequence alike, hidden and later ones too
 * (Hugging Face's eager attention). The gradient passes through the mask as through any sum, so that
 * such a row has one: p ∘ (g − Σⱼ gⱼpⱼ) with all p equal.
 */
export function maskedSoftmax(scores: Value, mask: AttentionMask): Value {
  const { slidingWindow, keyMask } = mask;
  const [batch, , sequence, keys] = scores.shape;
  requireShapes(
    scores.shape.length === 4 && keys === sequence &&
      (!keyMask || (keyMask.type === "i32" && sameShape(keyMask.shape, [batch, sequence]))),
    "maskedSoftmax",
    keyMask ? [scores, keyMask] : [scores],
    `scores [batch, heads, sequence, sequence] and an i32 key mask [${batch}, ${sequence}]`,
  );
  const operands = keyMask ? [scores, keyMask] : [scores];
  return makeValue("maskedSoftmax", operands, scores.shape, {
    attributes: { slidingWindow },
    gradient: (upstream, output) => [softmaxGradient(output, upstream), null],
    onnx: (builder, [scores, keys]) => {
      const table = causalTable(sequence, slidingWindow);
      let hidden = builder.constant(table, [sequence, sequence]);
      if (keys) hidden = builder.node("Min", [hidden, paddingTable(builder, keys)]);
      return builder.node("Softmax", [builder.node("Add", [scores, hidden])], { axis: -1 });
    },
    wgsl: (builder, [scores, keys]) =>
      maskedSoftmaxes(builder, scores, { span: slidingWindow ?? sequence, keys }),
  });
}

/** ∂/∂scores: p ∘ (g − Σⱼ gⱼpⱼ). */
function softmaxGradient(probabilities: Value, upstream: Value): Value {
  return makeValue("softmaxGradient", [probabilities, upstream], probabilities.shape, {
    onnx: (builder, [p, g]) => {
      const weighted = builder.node("Mul", [p, g]);
      const total = builder.node("ReduceSum", [
        weighted,
        builder.constant(BigInt64Array.of(-1n), [1]),
      ]);
      return builder.node("Sub", [weighted, builder.node("Mul", [p, total])]);
    },
    wgsl: (builder, [p, g]) => softmaxPartials(builder, p, g),
  });
}

function causalTable(sequence: number, slidingWindow: number | null): Float32Array {
  const table = new Float32Array(sequence * sequence).fill(HIDDEN);
  const span = slidingWindow ?? sequence;
  for (let query = 0; query < sequence; query++) {
    const first = Math.max(0, query - span + 1);
    table.fill(0, query * sequence + first, query * sequence + query + 1);
  }
  return table;
}

/** `[batch, 1, 1, sequence]`: 0 for a real key, {@linkcode HIDDEN} for padding. */
function paddingTable(builder: OnnxBuilder, keys: string): string {
  const hidden = builder.node("Equal", [keys, builder.constant(Int32Array.of(0), [])]);
  const table = builder.node("Where", [
    hidden,
    builder.constant(Float32Array.of(HIDDEN), []),
    builder.constant(Float32Array.of(0), []),
  ]);
  return builder.node("Unsqueeze", [table, builder.constant(BigInt64Array.of(1n, 2n), [2])]);
}
