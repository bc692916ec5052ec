/**
 * The parts of attention as float64 loops over flat, row-major numbers. Rows are tokens of all
 * sequences, one sequence after the other; a row holds its heads side by side.
 */

import type { HeadLayout } from "../../../lib/graph/ops/rotary.ts";

/** Rotates features (i, i + d/2) of each head by ±position · θ^(−2i/d). */
export function rotary(
  x: Float64Array,
  { batch, sequence, headSize }: HeadLayout,
  theta: number,
  inverse = false,
): Float64Array {
  const width = x.length / (batch * sequence);
  const result = new Float64Array(x.length);
  for (let row = 0; row < batch * sequence; row++) {
    for (let start = row * width; start < (row + 1) * width; start += headSize) {
      for (let pair = 0; pair < headSize / 2; pair++) {
        const frequency = theta ** (-2 * pair / headSize);
        const angle = (row % sequence) * frequency * (inverse ? -1 : 1);
        const [first, second] = [start + pair, start + pair + headSize / 2];
        result[first] = x[first] * Math.cos(angle) - x[second] * Math.sin(angle);
        result[second] = x[second] * Math.cos(angle) + x[first] * Math.sin(angle);
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
 * Softmax over the keys j ≤ i, i − j < window, with `keyMask[b, j]` not 0. A query that sees no key
 * answers zeros: the graph's answer is unspecified there.
 */
export function maskedSoftmax(
  scores: Float64Array,
  { batch, sequence, heads }: Heads,
  window: number | null,
  keyMask?: Float64Array,
): Float64Array {
  const weights = new Float64Array(scores.length);
  for (let row = 0; row < batch * heads * sequence; row++) {
    const query = row % sequence;
    const sequenceStart = Math.floor(row / (heads * sequence)) * sequence;
    const visible = [];
    for (let key = 0; key <= query; key++) {
      if (window !== null && query - key >= window) continue;
      if (!keyMask || keyMask[sequenceStart + key] !== 0) visible.push(row * sequence + key);
    }
    const largest = Math.max(...visible.map((at) => scores[at]));
    for (const at of visible) weights[at] = Math.exp(scores[at] - largest);
    const total = visible.reduce((sum, at) => sum + weights[at], 0);
    for (const at of visible) weights[at] /= total;
  }
  return weights;
}
