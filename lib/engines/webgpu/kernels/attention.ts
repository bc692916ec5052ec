/**
 * Attention's products head by head, one invocation an element, and its masked softmax, one workgroup a row:
 * what runs where a graph has attention in a form that `fused/attention/` does not know.
 */

import { elementCount } from "../../../checkpoint/tensor.ts";
import { HIDDEN } from "../../../graph/ops/attention.ts";
import type { Kernel, KernelBuilder, Operand } from "../kernel.ts";
import { elementKernel, rowKernel, WORKGROUP } from "./grid.ts";
import { softmaxTotals, workgroupSum } from "./workgroup_reduce.ts";

/** How heads share keys. */
export interface HeadSizes {
  readonly headSize: number;
  readonly keyHeads: number;
}

/** P[b, h, i, j] = ⟨q[b, i, h], k[b, j, ⌊h/group⌋]⟩, `[batch, H, sequence, sequence]` */
export function scoresKernel(
  queries: Operand,
  keys: Operand,
  shape: readonly number[],
  { headSize, keyHeads }: HeadSizes,
): Kernel {
  const [, heads, sequence] = shape;
  return elementKernel(elementCount(shape), {
    name: "attentionScores",
    reads: { queries, keys },
    writes: { scores: { shape } },
    sizes: { heads, sequence, headSize, group: heads / keyHeads },
    body: `
let key = i % sizes.sequence;
let query = i / sizes.sequence % sizes.sequence;
let head = i / (sizes.sequence * sizes.sequence) % sizes.heads;
let batch = i / (sizes.sequence * sizes.sequence * sizes.heads);
let keyHeads = sizes.heads / sizes.group;
let q = ((batch * sizes.sequence + query) * sizes.heads + head) * sizes.headSize;
let k = ((batch * sizes.sequence + key) * keyHeads + head / sizes.group) * sizes.headSize;
var sum = 0.0;
for (var feature = 0u; feature < sizes.headSize; feature++) {
  sum = fma(queries_at(q + feature), keys_at(k + feature), sum);
}
scores[i] = sum;`,
  });
}

/** The mix of values, or its transpose, `[batch · sequence, heads · headSize]`. */
export function mixKernel(
  weights: Operand,
  values: Operand,
  shape: readonly number[],
  { headSize, keyHeads }: HeadSizes,
  transposed: boolean,
): Kernel {
  const [, heads, sequence] = weights.shape;
  return elementKernel(elementCount(shape), {
    name: transposed ? "attentionMixTransposed" : "attentionMix",
    reads: { weights, values },
    writes: { mixed: { shape } },
    sizes: { heads, sequence, headSize, group: heads / keyHeads },
    body: transposed ? MIX_TRANSPOSED : MIX,
  });
}

/** y[b, i, h] = Σⱼ P[b, h, i, j] · v[b, j, ⌊h/group⌋] */
const MIX = `
let feature = i % sizes.headSize;
let head = i / sizes.headSize % sizes.heads;
let query = i / (sizes.headSize * sizes.heads) % sizes.sequence;
let batch = i / (sizes.headSize * sizes.heads * sizes.sequence);
let keyHeads = sizes.heads / sizes.group;
let weight = ((batch * sizes.heads + head) * sizes.sequence + query) * sizes.sequence;
let stride = keyHeads * sizes.headSize;
let value = batch * sizes.sequence * stride + head / sizes.group * sizes.headSize + feature;
var sum = 0.0;
for (var key = 0u; key < sizes.sequence; key++) {
  sum = fma(weights_at(weight + key), values_at(value + key * stride), sum);
}
mixed[i] = sum;`;

/** y[b, j, g] = Σ over i and the heads h of group g of P[b, h, i, j] · v[b, i, h] */
const MIX_TRANSPOSED = `
let feature = i % sizes.headSize;
let keyHeads = sizes.heads / sizes.group;
let keyHead = i / sizes.headSize % keyHeads;
let key = i / (sizes.headSize * keyHeads) % sizes.sequence;
let batch = i / (sizes.headSize * keyHeads * sizes.sequence);
let stride = sizes.heads * sizes.headSize;
var sum = 0.0;
for (var head = keyHead * sizes.group; head < (keyHead + 1u) * sizes.group; head++) {
  let weight = (batch * sizes.heads + head) * sizes.sequence * sizes.sequence + key;
  let value = batch * sizes.sequence * stride + head * sizes.headSize + feature;
  for (var query = 0u; query < sizes.sequence; query++) {
    sum = fma(weights_at(weight + query * sizes.sequence), values_at(value + query * stride), sum);
  }
}
mixed[i] = sum;`;

/** Keys that a query may see. */
export interface SeenKeys {
  /** Keys that a query sees, itself included. */
  span: number;
  /** i32 `[batch, sequence]`, 0 for padding. */
  keys?: Operand;
}

/**
 * softmax over keys of scores `[batch, heads, sequence, sequence]`, {@linkcode HIDDEN} where a key is not seen.
 */
export function maskedSoftmaxes(
  builder: KernelBuilder,
  scores: Operand,
  { span, keys }: SeenKeys,
): Operand[] {
  const [batch, heads, sequence] = scores.shape;
  const real = `
  let batch = i / (sizes.sequence * sizes.sequence * sizes.heads);
  seen = seen && keys[batch * sizes.sequence + key] != 0;`;
  return builder.dispatch(rowKernel(batch * heads * sequence, {
    name: keys ? "maskedSoftmaxPadded" : "maskedSoftmax",
    reads: keys ? { scores, keys } : { scores },
    writes: { weights: { shape: scores.shape } },
    sizes: { heads, sequence, span },
    module: `
fn masked(i: u32) -> f32 {
  let key = i % sizes.sequence;
  let query = i / sizes.sequence % sizes.sequence;
  var seen = key <= query && query < key + sizes.span;${keys ? real : ""}
  return select(${HIDDEN}, scores_at(i), seen);
}` + softmaxTotals(builder.features, "masked"),
    body: `
let start = row * sizes.sequence;
let totals = masked_totals(start, sizes.sequence, lane);
for (var key = lane; key < sizes.sequence; key += ${WORKGROUP}u) {
  weights[start + key] = exp(masked(start + key) - totals.x) / totals.y;
}`,
  }));
}

/** p ∘ (g − Σⱼ gⱼpⱼ) along the last axis. */
export function softmaxPartials(
  builder: KernelBuilder,
  probabilities: Operand,
  upstream: Operand,
): Operand[] {
  const columns = probabilities.shape.at(-1)!;
  const rows = probabilities.shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return builder.dispatch(rowKernel(rows, {
    name: "softmaxGradient",
    reads: { p: probabilities, g: upstream },
    writes: { partial: { shape: probabilities.shape } },
    sizes: { columns },
    module: workgroupSum(builder.features),
    body: `
let start = row * sizes.columns;
var sum = 0.0;
for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u) {
  sum = fma(p_at(start + column), g_at(start + column), sum);
}
let along = workgroupSum(sum, lane);
for (var column = lane; column < sizes.columns; column += ${WORKGROUP}u) {
  let at = start + column;
  partial[at] = p_at(at) * (g_at(at) - along);
}`,
  }));
}
