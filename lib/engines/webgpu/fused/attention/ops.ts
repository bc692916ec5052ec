/**
 * Scores, masked softmax and mix as one op that keeps no `[sequence, sequence]` matrix, and its backward ops,
 * each one kernel.
 *
 * This folder in reading order: the ops; `rewriting.ts`, which puts them in the place of plain attention;
 * `tiles.ts` and `products.ts`, what their kernels share; `forward.ts`; `backward.ts`.
 */

import type { Attributes, Value } from "../../../../graph/graph.ts";
import type { KernelRule, Operand } from "../../kernel.ts";
import { fusedOp, part } from "../op.ts";
import {
  attentionKeyGradient,
  attentionQueryGradient,
  attentionRowDots,
  attentionValueGradient,
} from "./backward.ts";
import { attentionForward, statisticsShape } from "./forward.ts";
import type { AttentionSizes } from "./tiles.ts";

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
  return fusedOp("fusedAttention", operands, queries.shape, { ...sizes });
}

/** Of each query of each head its highest score and 1 / Σ exp(score − highest), `[batch, H, sequence, 2]`. */
export function rowStatistics(attention: Value, sizes: AttentionSizes): Value {
  return part(attention, 1, statisticsShape(sizes));
}

/** What the gradients of queries and keys read. */
export interface AttentionGradientInputs extends AttentionInputs {
  /** ∂/∂output `[batch · sequence, H · headSize]`. */
  readonly upstream: Value;
  /** `rowStatistics` of the forward op. */
  readonly statistics: Value;
  /** {@linkcode rowDots} of `upstream` with the output. */
  readonly dots: Value;
}

/** ⟨upstream, output⟩ of each query of each head: `[batch, H, sequence]`. */
export function rowDots(upstream: Value, output: Value, sizes: AttentionSizes): Value {
  const { batch, heads, sequence } = sizes;
  return fusedOp("attentionRowDots", [upstream, output], [batch, heads, sequence], { ...sizes });
}

/** ∂/∂queries, of the queries' shape. */
export function queryGradient(inputs: AttentionGradientInputs, sizes: AttentionSizes): Value {
  return scoreGradient("attentionQueryGradient", inputs.queries, inputs, sizes);
}

/** ∂/∂keys, of the keys' shape. */
export function keyGradient(inputs: AttentionGradientInputs, sizes: AttentionSizes): Value {
  return scoreGradient("attentionKeyGradient", inputs.keys, inputs, sizes);
}

/** ∂/∂values, of the keys' shape: it needs neither values nor dots. */
export function valueGradient(
  inputs: Omit<AttentionGradientInputs, "values" | "dots">,
  sizes: AttentionSizes,
): Value {
  const { queries, keys, upstream, statistics, attentionMask } = inputs;
  const operands = [queries, keys, upstream, statistics, ...attentionMask ? [attentionMask] : []];
  return fusedOp("attentionValueGradient", operands, keys.shape, { ...sizes });
}

function scoreGradient(
  operation: string,
  of: Value,
  inputs: AttentionGradientInputs,
  sizes: AttentionSizes,
): Value {
  const { queries, keys, values, upstream, statistics, dots, attentionMask } = inputs;
  const operands = [
    ...[queries, keys, values, upstream, statistics, dots],
    ...attentionMask ? [attentionMask] : [],
  ];
  return fusedOp(operation, operands, of.shape, { ...sizes });
}

/** The WGSL of the ops above. */
export const attentionRules: Readonly<Record<string, KernelRule>> = {
  fusedAttention: (builder, [queries, keys, values, attentionMask], { attributes }) =>
    builder.dispatch(
      attentionForward(sizesOf(attributes), { queries, keys, values, attentionMask }),
    ),
  attentionRowDots: (builder, [upstream, output], { attributes }) =>
    builder.dispatch(attentionRowDots(sizesOf(attributes), upstream, output)),
  attentionQueryGradient: (builder, operands, { attributes }) =>
    builder.dispatch(attentionQueryGradient(sizesOf(attributes), scoreOperands(operands))),
  attentionKeyGradient: (builder, operands, { attributes }) =>
    builder.dispatch(attentionKeyGradient(sizesOf(attributes), scoreOperands(operands))),
  attentionValueGradient: (
    builder,
    [queries, keys, upstream, statistics, attentionMask],
    { attributes },
  ) => {
    const operands = { queries, keys, upstream, statistics, attentionMask };
    return builder.dispatch(attentionValueGradient(sizesOf(attributes), operands));
  },
};

function sizesOf(attributes: Attributes): AttentionSizes {
  return attributes as unknown as AttentionSizes;
}

/** The operands of {@linkcode scoreGradient} by name. */
function scoreOperands(operands: readonly Operand[]) {
  const [queries, keys, values, upstream, statistics, rowDots, attentionMask] = operands;
  return { queries, keys, values, upstream, statistics, rowDots, attentionMask };
}
