/**
 * The parts of attention as float64 loops over flat, row-major numbers. Rows are tokens of all
 * sequences, one sequence after the other; a row holds its heads side by side.
 */

import type { HeadLayout } from "../../../lib/graph/ops/rotary.ts";

/** How heads are rotated: radians a position for each pair, and by how much they are lengthened. */
export interface Turns {
  frequencies: ArrayLike<number>;
  attentionFactor: number;
}

/** Rotates features (i, i + d/2) of each head by ±position · frequency, and lengthens them. */
export function rotary(
  x: Float64Array,
  { batch, sequence, headSize }: HeadLayout,
  { frequencies, attentionFactor }: Turns,
  inverse = false,
): Float64Array {
  const width = x.length / (batch * sequence);
  const result = new Float64Array(x.length);
  for (let row = 0; row < batch * sequence; row++) {
    for (let start = row * width; start < (row + 1) * width; start += headSize) {
      for (let pair = 0; pair < headSize / 2; pair++) {
        const angle = (row % sequence) * frequencies[pair] * (inverse ? -1 : 1);
        const [cosine, sine] = [Math.cos, Math.sin].map((each) => attentionFactor * each(angle));
        const [first, second] = [start + pair, start + pair + headSize / 2];
        result[first] = x[first] * cosine - x[second] * sine;
        result[second] = x[second] * cosine + x[first] * sine;
      }
    }
  }
  return result;
}

/** How many query heads there are, and how many key heads they share. */
export interface Heads extends HeadLayout {
  heads: number;
  groups: number;
}

/** Calls `visit` for every sequence, query head, query and key, with where each number stands. */
function eachQueryAndKey(
  { batch, sequence, headSize, heads, groups }: Heads,
  visit: (score: number, query: number, key: number) => void,
): void {
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      const group = Math.floor(head * groups / heads);
      for (let i = 0; i < sequence; i++) {
        for (let j = 0; j < sequence; j++) {
          visit(
            ((b * heads + head) * sequence + i) * sequence + j,
            ((b * sequence + i) * heads + head) * headSize,
            ((b * sequence + j) * groups + group) * headSize,
          );
        }
      }
    }
  }
}

/** Products of every query with every key of its sequence, `[batch, heads, sequence, sequence]`. */
export function attentionScores(queries: Float64Array, keys: Float64Array, heads: Heads) {
  const scores = new Float64Array(heads.batch * heads.heads * heads.sequence ** 2);
  eachQueryAndKey(heads, (score, query, key) => {
    for (let k = 0; k < heads.headSize; k++) scores[score] += queries[query + k] * keys[key + k];
  });
  return scores;
}

/** For each query, the sum of the value rows weighted by its attention. */
export function attentionMix(weights: Float64Array, values: Float64Array, heads: Heads) {
  const mixed = new Float64Array(heads.batch * heads.sequence * heads.heads * heads.headSize);
  eachQueryAndKey(heads, (score, query, key) => {
    for (let k = 0; k < heads.headSize; k++) mixed[query + k] += weights[score] * values[key + k];
  });
  return mixed;
}

/** For each key, the sum over the queries of its group of their rows weighted by attention. */
export function attentionMixTransposed(weights: Float64Array, rows: Float64Array, heads: Heads) {
  const mixed = new Float64Array(heads.batch * heads.sequence * heads.groups * heads.headSize);
  eachQueryAndKey(heads, (score, query, key) => {
    for (let k = 0; k < heads.headSize; k++) mixed[key + k] += weights[score] * rows[query + k];
  });
  return mixed;
}

/**
 * Softmax over the keys j ≤ i, i − j < window, with `attentionMask[b, j]` not 0. A query that sees none of them
 * has weights 1 / sequence on all keys, later ones too: a mask so low swallows every score.
 *
 * A derivative passes through such a mask as through any sum. So that finite differences see it, the rows
 * of those queries are the softmax of scores − `at`, where `at` are the scores that they start from.
 */
export function maskedSoftmax(
  scores: Float64Array,
  { batch, sequence, heads }: Heads,
  window: number | null,
  attentionMask?: Float64Array,
  at = scores,
): Float64Array {
  const weights = new Float64Array(scores.length);
  for (let row = 0; row < batch * heads * sequence; row++) {
    const query = row % sequence;
    const sequenceStart = Math.floor(row / (heads * sequence)) * sequence;
    const seen = keysSeen(query, window, attentionMask?.subarray(sequenceStart));
    const keys = seen.length > 0 ? seen : [...Array(sequence).keys()];
    const logits = keys.map((key) => {
      const place = row * sequence + key;
      return seen.length > 0 ? scores[place] : scores[place] - at[place];
    });
    const largest = Math.max(...logits);
    const total = logits.reduce((sum, each) => sum + Math.exp(each - largest), 0);
    keys.forEach((key, index) => {
      weights[row * sequence + key] = Math.exp(logits[index] - largest) / total;
    });
  }
  return weights;
}

/** The real keys that a query sees. */
export function keysSeen(
  query: number,
  window: number | null,
  attentionMask?: ArrayLike<number>,
): number[] {
  const oldest = Math.max(0, window === null ? 0 : query - window + 1);
  return Array.from({ length: query + 1 - oldest }, (_, index) => oldest + index)
    .filter((key) => !attentionMask || attentionMask[key] !== 0);
}

/** What attention reads, and the gradient of a loss with respect to its output. */
export interface AttentionOperands {
  queries: Float64Array;
  keys: Float64Array;
  values: Float64Array;
  upstream: Float64Array;
  attentionMask?: Float64Array;
}

/**
 * O = PV of P = {@linkcode maskedSoftmax}(QKᵀ), and by dP = dO·Vᵀ and dS = P ∘ (dP − Σⱼ P ∘ dP) the
 * gradients dS·K, dSᵀ·Q and Pᵀ·dO with respect to queries, keys and values.
 */
export function attentionAndGradients(
  { queries, keys, values, upstream, attentionMask }: AttentionOperands,
  heads: Heads,
  window: number | null,
) {
  const weights = maskedSoftmax(
    attentionScores(queries, keys, heads),
    heads,
    window,
    attentionMask,
  );
  const slopes = attentionScores(upstream, values, heads);
  const ofScores = new Float64Array(weights.length);
  for (let start = 0; start < weights.length; start += heads.sequence) {
    const row = [...Array(heads.sequence).keys()].map((key) => start + key);
    const along = row.reduce((sum, each) => sum + weights[each] * slopes[each], 0);
    for (const each of row) ofScores[each] = weights[each] * (slopes[each] - along);
  }
  return {
    output: attentionMix(weights, values, heads),
    byQueries: attentionMix(ofScores, keys, heads),
    byKeys: attentionMixTransposed(ofScores, queries, heads),
    byValues: attentionMixTransposed(weights, upstream, heads),
  };
}
