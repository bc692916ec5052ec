/**
 * Fuses scores, masked softmax and mix into one op, and the three gradients that pass back through them
 * into one op each, so that no value of shape `[batch, heads, sequence, sequence]` remains.
 */

import type { Value } from "../../../../graph/graph.ts";
import type { AttentionSizes } from "./tiles.ts";
import {
  type AttentionInputs,
  fusedAttention,
  keyGradient,
  queryGradient,
  rowDots,
  rowStatistics,
  valueGradient,
} from "./ops.ts";
import { findOnce, type RewriteRule } from "../rewrite.ts";

/** One attention of a graph: what it reads, and the op that takes its place. */
interface Attention {
  readonly inputs: AttentionInputs;
  readonly sizes: AttentionSizes;
  readonly output: Value;
  readonly statistics: Value;
  /** The row dots of each upstream gradient, for the gradients of queries and keys alike. */
  readonly dots: Map<Value, Value>;
}

/**
 * Puts the fused ops in the place of the mixes that end a plain attention or one of its gradients. An
 * attention is left as it is if its weights, their gradient or its scores are needed elsewhere, for
 * instance as an output of the graph.
 */
export const fuseAttention: RewriteRule = (value, usersOf) => {
  if (value.operation !== "attentionMix") return null;
  const [weights, rows] = value.inputs;
  const { transposed } = value.attributes;
  if (weights.operation === "maskedSoftmax") {
    const attention = attentionOf(weights, usersOf);
    if (!attention) return null;
    const { inputs, sizes, output, statistics } = attention;
    return transposed ? valueGradient({ ...inputs, upstream: rows, statistics }, sizes) : output;
  }
  if (weights.operation === "softmaxGradient") {
    const [probabilities, slopes] = weights.inputs;
    const attention = attentionOf(probabilities, usersOf);
    if (!attention) return null;
    const { inputs, sizes, statistics } = attention;
    const upstream = slopes.inputs[0];
    const dots = dotsOf(attention, upstream);
    const operands = { ...inputs, upstream, statistics, dots };
    return transposed ? keyGradient(operands, sizes) : queryGradient(operands, sizes);
  }
  return null;
};

/** The attention whose weights are `weights`, if it can be fused. */
const attentionOf = findOnce((weights, usersOf): Attention | null => {
  const [scores, attentionMask] = weights.inputs;
  if (weights.operation !== "maskedSoftmax" || scores.operation !== "attentionScores") return null;
  const [queries, keys] = scores.inputs;
  const { batch, sequence, headSize, keyHeads } = scores.attributes as Record<string, number>;
  const allValues = new Set<Value>();
  const isMix = (user: Value, of: Value) =>
    user.operation === "attentionMix" && user.inputs[0] === of && user.inputs[1] !== of &&
    sameLayout(user, scores);
  const isPlain = usersOf(weights).every((user) => {
    const { transposed } = user.attributes ?? {};
    if (isMix(user, weights)) {
      if (!transposed) allValues.add(user.inputs[1]);
      return true;
    }
    const [of, slopes] = user.inputs;
    if (user.operation !== "softmaxGradient" || of !== weights) return false;
    if (slopes.operation !== "attentionScores" || !sameLayout(slopes, scores)) return false;
    allValues.add(slopes.inputs[1]);
    return usersOf(slopes).every((each) => each === user) &&
      usersOf(user).every((mix) =>
        isMix(mix, user) &&
        mix.inputs[1] === (mix.attributes.transposed ? queries : keys)
      );
  });
  const isAlone = usersOf(scores).every((user) => user === weights);
  // The kernels read heads by pairs of features.
  if (!isPlain || !isAlone || allValues.size !== 1 || headSize % 2 !== 0) return null;
  const [values] = allValues;
  const window = weights.attributes.slidingWindow as number | null ?? sequence;
  const heads = weights.shape[1];
  const sizes = { batch, sequence, headSize, heads, keyHeads, window };
  const inputs = { queries, keys, values, attentionMask };
  const output = fusedAttention(inputs, sizes);
  return { inputs, sizes, output, statistics: rowStatistics(output, sizes), dots: new Map() };
});

function dotsOf({ dots, output, sizes }: Attention, upstream: Value): Value {
  const known = dots.get(upstream) ?? rowDots(upstream, output, sizes);
  dots.set(upstream, known);
  return known;
}

function sameLayout(a: Value, b: Value): boolean {
  return ["batch", "sequence", "headSize", "keyHeads"].every((each) =>
    a.attributes[each] === b.attributes[each]
  );
}
