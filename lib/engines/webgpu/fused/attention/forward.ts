/** The forward kernel of tiled attention, with its softmax computed online. */

import type { Kernel, Operand } from "../../kernel.ts";
import {
  accumulate,
  declareSums,
  forEachOfFour,
  products,
  storeSums,
  storeWeights,
} from "./products.ts";
import { type AttentionSizes, TILE, tiledKernel } from "./tiles.ts";

/** Operands of attention. */
export interface AttentionOperands {
  /** `[batch · sequence, H · headSize]`, already scaled. */
  readonly queries: Operand;
  /** `[batch · sequence, K · headSize]`. */
  readonly keys: Operand;
  /** `[batch · sequence, K · headSize]`. */
  readonly values: Operand;
  /** i32 `[batch, sequence]`, 0 for padding. */
  readonly attentionMask?: Operand;
}

/**
 * Shape of the row statistics: for each query of each head its highest score and 1 / Σ exp(score − highest);
 * of a query that sees no real key, `HIDDEN` and 1 / sequence.
 */
export function statisticsShape({ batch, heads, sequence }: AttentionSizes): number[] {
  return [batch, heads, sequence, 2];
}

/**
 * softmax(QKᵀ + mask) V `[batch · sequence, H · headSize]`, and the row statistics.
 *
 * The highest score so far and the sum of exponentials are corrected as further keys come (Milakov &
 * Gimelshein 2018, "Online normalizer calculation for softmax", algorithm 3); the sum stays spread over
 * the invocations of a row until the end.
 *
 * Keys that causality or the window hides are skipped. Where that leaves a query no real key (left of its
 * text, or deep in padding with a window), its row is the mean of all values, as that of the plain op.
 */
export function attentionForward(sizes: AttentionSizes, operands: AttentionOperands): Kernel {
  const { headSize } = sizes;
  const { queries, keys, values, attentionMask } = operands;
  const ofKeys = { head: "keyHead", first: "firstKey" };
  const ofQueries = { head: "head", first: "firstQuery" };
  return tiledKernel({
    name: "attention",
    sizes,
    rows: {
      queries: [queries, "heads"],
      keys: [keys, "keyHeads"],
      values: [values, "keyHeads"],
    },
    further: {},
    attentionMask,
    resultHeads: "heads",
    furtherResults: { statistics: { shape: statisticsShape(sizes) } },
    module: `
// A row's highest starts between the scores of hidden keys and any real one.
const NONE = HIDDEN / 2;
// What the invocations of a row exchange: by \`down\`, then \`across\`.
var<workgroup> shares: array<vec4f, 64>;
`,
    body: `
// Later queries see more keys: they start first.
let firstQuery = (groups.x - 1u - group.x) * 32u;
let head = group.y;
let keyHead = head / sizes.headsOfGroup;
let query = vec4u(firstQuery + down * 4u) + vec4u(0, 1, 2, 3);
var highest = vec4f(NONE);
var total = vec4f();
${declareSums(headSize)}
let lastKey = min(firstQuery + 32u, sizes.sequence);
let oldest = max(firstQuery + 1u, sizes.window) - sizes.window;
for (var firstKey = oldest / 32u * 32u; firstKey < lastKey; firstKey += 32u) {
${products({ name: "queries", ...ofQueries }, { name: "keys", ...ofKeys }, "score")}
${
      forEachOfFour((column) =>
        `{
  let key = firstKey + across + ${8 * column}u;
  let seen = visible(query, vec4u(key)) & vec4<bool>(real(batch, key));
  score${column} = select(vec4f(HIDDEN), score${column}, seen);
}`
      )
    }
  shares[lane] = max(max(score0, score1), max(score2, score3));
  workgroupBarrier();
  var next = highest;
  for (var other = 0u; other < 8u; other++) { next = max(next, shares[down * 8u + other]); }
  let correction = exp(highest - next);
  highest = next;
${forEachOfFour((column) => `let weight${column} = exp(score${column} - highest);`)}
  total = total * correction + weight0 + weight1 + weight2 + weight3;
${storeWeights("weight")}
${accumulate(headSize, { name: "values", ...ofKeys }, "correction")}
}
${attentionMask ? meanOfAll(headSize) : ""}
shares[lane] = total;
workgroupBarrier();
total = vec4f();
for (var other = 0u; other < 8u; other++) { total += shares[down * 8u + other]; }
let inverse = 1 / total;
${storeSums(headSize, ofQueries, "inverse")}
if (across == 0u) {
${
      forEachOfFour((row) =>
        `if (query[${row}] < sizes.sequence) {
  let at = ((batch * sizes.heads + head) * sizes.sequence + query[${row}]) * 2u;
  statistics[at] = highest[${row}];
  statistics[at + 1u] = inverse[${row}];
}`
      )
    }
}`,
  });
}

/** The rows of queries that have seen no real key: sums of all values, each of weight 1. */
function meanOfAll(headSize: number): string {
  return `
let blind = (highest == vec4f(NONE)) & (query < vec4u(sizes.sequence));
if (any(blind)) {
  for (var chunk = 0u; chunk < ${Math.ceil(headSize / TILE)}u; chunk++) {
    var sum = vec4f();
    for (var key = 0u; key < sizes.sequence; key++) {
      sum += values_four(batch, key, keyHead, chunk * 32u + across * 4u);
    }
${forEachOfFour((row) => `if (blind[${row}]) { sums[chunk * 4u + ${row}u] = sum; }`)}
  }
  highest = select(highest, vec4f(HIDDEN), blind);
  // One of the eight shares of a row.
  total = select(total, vec4f(f32(sizes.sequence) / 8), blind);
}`;
}
