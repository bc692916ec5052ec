/**
 * The masked softmax of whole rows of attention scores and its gradient: what runs where a graph has
 * attention in a form that no tiled kernel knows.
 */

import type { KernelBuilder, Operand } from "../kernel.ts";
import { rowKernel, WORKGROUP } from "./grid.ts";
import { softmaxTotals } from "./softmax_totals.ts";
import { workgroupSum } from "./workgroup_reduce.ts";

/**
 * The score of a key that a query does not see, whatever hides it: below any real one, so that its
 * exponential is 0 beside one, and so far below that scores added to it are lost in float32. A query that
 * sees no key has this score everywhere and attends to all keys alike, as in Hugging Face's decoders.
 */
export const HIDDEN = -1e30;

/** Keys that a query may see. */
export interface ScoreMask {
  /** Keys that a query sees, itself included. */
  span: number;
  /** i32 `[batch, sequence]`, 0 for padding. */
  keys?: Operand;
}

/** softmax over keys of scores `[batch, heads, sequence, sequence]`, {@linkcode HIDDEN} where masked. */
export function maskedSoftmaxes(
  builder: KernelBuilder,
  scores: Operand,
  { span, keys }: ScoreMask,
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
