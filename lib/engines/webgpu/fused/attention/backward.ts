/**
 * The backward kernels of tiled attention (Dao et al. 2022, "FlashAttention", algorithm 4). Attention P
 * is computed again, tile by tile, from the row statistics. Each kernel owns the rows of its own result and
 * sums into them alone: nothing is added atomically, so the same run gives the same bits.
 *
 * Three kernels and not one: a single accumulator stays in registers up to heads of 256 features, and a
 * graph that wants one gradient pays for one.
 */

import type { Kernel, Operand } from "../../kernel.ts";
import { FLAT_GROUP, foldedGroups } from "../../kernels/grid.ts";
import type { AttentionOperands } from "./forward.ts";
import {
  accumulate,
  declareSums,
  forEachOfFour,
  products,
  storeSums,
  storeWeights,
} from "./products.ts";
import { type AttentionSizes, LANES, tiledKernel } from "./tiles.ts";

/** What the backward pass needs beside the operands of the forward pass. */
export interface AttentionUpstream {
  /** ∂/∂output `[batch · sequence, H · headSize]`. */
  readonly upstream: Operand;
  /** `[batch, H, sequence, 2]`, of the forward kernel. */
  readonly statistics: Operand;
}

/** What the gradients of queries and keys need beside that. */
export interface AttentionRowDots {
  /** Of `attentionRowDots`, `[batch, H, sequence]`. */
  readonly rowDots: Operand;
}

const ofQueries = { head: "head", first: "firstQuery" };
const ofKeys = { head: "keyHead", first: "firstKey" };
const queryRows = { name: "queries", ...ofQueries };
const keyRows = { name: "keys", ...ofKeys };
const valueRows = { name: "values", ...ofKeys };
const upstreamRows = { name: "upstream", ...ofQueries };

/**
 * Whether one of the 32 queries from `first` on sees no real key, and so attends to all of the sequence.
 * Only an attention mask can bring that about: without one each query sees itself.
 */
const SEES_NOTHING = `
fn seesNothing(statisticsAt: u32, first: u32) -> bool {
  var found = false;
  for (var query = first; query < min(first + 32u, sizes.sequence); query++) {
    found = found | (statistics_at(2u * (statisticsAt + query)) == HIDDEN);
  }
  return found;
}
`;

/** The loop over tiles of queries that see a tile of keys. */
const TILES_OF_QUERIES =
  "for (var firstQuery = firstKey; firstQuery < lastQuery; firstQuery += 32u) {";
const TILES_OF_PADDED_QUERIES = `
for (var firstQuery = 0u; firstQuery < sizes.sequence; firstQuery += 32u) {
let sees = firstQuery >= firstKey && firstQuery < lastQuery;
if (!sees && !seesNothing(statisticsAt, firstQuery)) { continue; }`;

/** ∂/∂Q = (P ∘ (dO·Vᵀ − D)) K. */
export function attentionQueryGradient(
  sizes: AttentionSizes,
  operands: AttentionOperands & AttentionUpstream & AttentionRowDots,
): Kernel {
  const { queries, keys, values, attentionMask, upstream, statistics, rowDots } = operands;
  return tiledKernel({
    name: "attentionQueryGradient",
    sizes,
    rows: {
      queries: [queries, "heads"],
      keys: [keys, "keyHeads"],
      values: [values, "keyHeads"],
      upstream: [upstream, "heads"],
    },
    further: { statistics, rowDots },
    attentionMask,
    module: attentionMask && SEES_NOTHING,
    resultHeads: "heads",
    body: `
// Later queries see more keys: they start first.
let firstQuery = (groups.x - 1u - group.x) * 32u;
let head = group.y;
let keyHead = head / sizes.headsOfGroup;
let query = vec4u(firstQuery + down * 4u) + vec4u(0, 1, 2, 3);
let statisticsAt = (batch * sizes.heads + head) * sizes.sequence;
var highest = vec4f();
var inverse = vec4f();
var along = vec4f();
${
      forEachOfFour((row) =>
        `if (query[${row}] < sizes.sequence) {
  let at = statisticsAt + query[${row}];
  highest[${row}] = statistics_at(2u * at);
  inverse[${row}] = statistics_at(2u * at + 1u);
  along[${row}] = rowDots_at(at);
}`
      )
    }
${declareSums(sizes.headSize)}
var lastKey = min(firstQuery + 32u, sizes.sequence);
var oldest = max(firstQuery + 1u, sizes.window) - sizes.window;
${
      attentionMask
        ? "if (seesNothing(statisticsAt, firstQuery)) { oldest = 0u; lastKey = sizes.sequence; }"
        : ""
    }
for (var firstKey = oldest / 32u * 32u; firstKey < lastKey; firstKey += 32u) {
${products(queryRows, keyRows, "score")}
${products(upstreamRows, valueRows, "slope")}
${
      forEachOfFour((column) =>
        `{
  let key = firstKey + across + ${8 * column}u;
  let seen = visible(query, vec4u(key)) & vec4<bool>(real(batch, key));
  let attention = exp(select(vec4f(HIDDEN), score${column}, seen) - highest) * inverse;
  score${column} = attention * (slope${column} - along);
}`
      )
    }
${storeWeights("score")}
${accumulate(sizes.headSize, keyRows)}
}
${storeSums(sizes.headSize, ofQueries)}`,
  });
}

/** ∂/∂K = (P ∘ (dO·Vᵀ − D))ᵀ Q, summed over the query heads of a group. */
export function attentionKeyGradient(
  sizes: AttentionSizes,
  operands: AttentionOperands & AttentionUpstream & AttentionRowDots,
): Kernel {
  const { queries, keys, values, attentionMask, upstream, statistics, rowDots } = operands;
  return tiledKernel({
    name: "attentionKeyGradient",
    sizes,
    rows: {
      queries: [queries, "heads"],
      keys: [keys, "keyHeads"],
      values: [values, "keyHeads"],
      upstream: [upstream, "heads"],
    },
    further: { statistics, rowDots },
    attentionMask,
    module: attentionMask && SEES_NOTHING,
    resultHeads: "keyHeads",
    body: overQueries(
      { headSize: sizes.headSize, padded: attentionMask !== undefined },
      products(valueRows, upstreamRows, "slope"),
      (column) => `score${column} *= slope${column} - rowDots_at(at);`,
      accumulate(sizes.headSize, queryRows),
    ),
  });
}

/** ∂/∂V = Pᵀ dO, summed over the query heads of a group. */
export function attentionValueGradient(
  sizes: AttentionSizes,
  operands: Omit<AttentionOperands, "values"> & AttentionUpstream,
): Kernel {
  const { queries, keys, attentionMask, upstream, statistics } = operands;
  return tiledKernel({
    name: "attentionValueGradient",
    sizes,
    rows: {
      queries: [queries, "heads"],
      keys: [keys, "keyHeads"],
      upstream: [upstream, "heads"],
    },
    further: { statistics },
    attentionMask,
    module: attentionMask && SEES_NOTHING,
    resultHeads: "keyHeads",
    body: overQueries(
      { headSize: sizes.headSize, padded: attentionMask !== undefined },
      "",
      () => "",
      accumulate(sizes.headSize, upstreamRows),
    ),
  });
}

/**
 * Rows of keys against columns of queries, for all that see them, with attention in `score0` … `score3`.
 *
 * @param further WGSL before attention is known
 * @param weigh WGSL that turns attention into the weights of the sum; `at` is the query's statistics
 */
function overQueries(
  { headSize, padded }: { headSize: number; padded: boolean },
  further: string,
  weigh: (column: number) => string,
  sum: string,
): string {
  return `
let firstKey = group.x * 32u;
let keyHead = group.y;
let key = vec4u(firstKey + down * 4u) + vec4u(0, 1, 2, 3);
let isReal = vec4<bool>(${
    ["x", "y", "z", "w"].map((each) => `real(batch, key.${each})`).join(", ")
  });
${declareSums(headSize)}
let lastQuery = min(firstKey + 31u + sizes.window, sizes.sequence);
for (var member = 0u; member < sizes.headsOfGroup; member++) {
let head = keyHead * sizes.headsOfGroup + member;
let statisticsAt = (batch * sizes.heads + head) * sizes.sequence;
${padded ? TILES_OF_PADDED_QUERIES : TILES_OF_QUERIES}
${products(keyRows, queryRows, "score")}
${further}
${
    forEachOfFour((column) =>
      `{
  let query = firstQuery + across + ${8 * column}u;
  let at = statisticsAt + min(query, sizes.sequence - 1u);
  score${column} = select(vec4f(HIDDEN), score${column}, visible(vec4u(query), key) & isReal);
  score${column} = exp(score${column} - statistics_at(2u * at)) * statistics_at(2u * at + 1u);
  ${weigh(column)}
}`
    )
  }
${storeWeights("score")}
${sum}
}
}
${storeSums(headSize, ofKeys)}`;
}

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
