/**
 * Attention in three ops: scores of queries and keys, their masked softmax, and the mix of values that it
 * weighs. Scaling is the queries'. Grouped queries need no repeated keys: in ONNX the query heads of a group
 * are stacked as rows. What hides keys combines by the minimum: a key hidden for two reasons is as hidden as
 * for one.
 */

import {
  makeValue,
  type OnnxBuilder,
  requireShapes,
  sameShape,
  type Shape,
  type Value,
} from "../graph.ts";
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
  });
}

/**
 * The score of a key that a query does not see, whatever hides it: below any real one, so that its
 * exponential is 0 beside one, and so far below that scores added to it are lost in float32. A query that
 * sees no key has this score everywhere and attends to all keys alike, as in Hugging Face's decoders.
 */
export const HIDDEN: number = -1e30;

/** What a query may see. */
export interface VisibleKeys {
  /** Keys a query sees, itself included; `null`: all before it (Mistral's `sliding_window`). */
  slidingWindow: number | null;
  /** i32 `[batch, sequence]`, 0 for padding that no query may see. */
  attentionMask?: Value;
}

/**
 * softmax over keys of scores + mask, for scores `[batch, heads, sequence, sequence]`. Queries are
 * scaled before they meet the keys: a pass over `[tokens, hidden]` instead of all the scores.
 *
 * A query that sees no real key attends to all keys of its sequence alike, hidden and later ones too
 * (Hugging Face's eager attention). The gradient passes through the mask as through any sum, so that
 * such a row has one: p ∘ (g − Σⱼ gⱼpⱼ) with all p equal.
 */
export function maskedSoftmax(scores: Value, visible: VisibleKeys): Value {
  const { slidingWindow, attentionMask } = visible;
  const [batch, , sequence, keys] = scores.shape;
  requireShapes(
    scores.shape.length === 4 && keys === sequence &&
      (!attentionMask ||
        (attentionMask.type === "i32" && sameShape(attentionMask.shape, [batch, sequence]))),
    "maskedSoftmax",
    attentionMask ? [scores, attentionMask] : [scores],
    `scores [batch, heads, sequence, sequence] and an i32 attention mask [${batch}, ${sequence}]`,
  );
  const operands = attentionMask ? [scores, attentionMask] : [scores];
  return makeValue("maskedSoftmax", operands, scores.shape, {
    attributes: { slidingWindow },
    gradient: (upstream, output) => [softmaxGradient(output, upstream), null],
    onnx: (builder, [scores, keys]) => {
      const table = causalTable(sequence, slidingWindow);
      let hidden = builder.constant(table, [sequence, sequence]);
      if (keys) hidden = builder.node("Min", [hidden, paddingTable(builder, keys)]);
      return builder.node("Softmax", [builder.node("Add", [scores, hidden])], { axis: -1 });
    },
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
  });
}

/** `[batch · sequence, heads · size]` → `[batch, groups, heads/groups · sequence, size]`. */
function splitGroups(
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
function joinHeads(
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
function reshape(builder: OnnxBuilder, x: string, shape: Shape): string {
  return builder.node("Reshape", [
    x,
    builder.constant(BigInt64Array.from(shape, BigInt), [shape.length]),
  ]);
}
