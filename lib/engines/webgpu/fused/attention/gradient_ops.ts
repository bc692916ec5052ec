/** The backward ops of `fusedAttention`, each one kernel. Only rewritings of a graph make them. */

import { makeValue, type Value } from "../../../../graph/graph.ts";
import {
  attentionKeyGradient,
  attentionQueryGradient,
  attentionValueGradient,
} from "./backward.ts";
import { attentionRowDots } from "./row_dots.ts";
import type { AttentionSizes } from "./tiles.ts";
import type { AttentionInputs } from "./op.ts";
import { withoutOnnx } from "../without_onnx.ts";

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
  return makeValue("attentionRowDots", [upstream, output], [batch, heads, sequence], {
    attributes: { ...sizes },
    onnx: withoutOnnx("attentionRowDots"),
    wgsl: (builder, [upstream, output]) =>
      builder.dispatch(attentionRowDots(sizes, upstream, output)),
  });
}

/** ∂/∂queries, of the queries' shape. */
export function queryGradient(inputs: AttentionGradientInputs, sizes: AttentionSizes): Value {
  return scoreGradient(
    "attentionQueryGradient",
    attentionQueryGradient,
    inputs.queries,
    inputs,
    sizes,
  );
}

/** ∂/∂keys, of the keys' shape. */
export function keyGradient(inputs: AttentionGradientInputs, sizes: AttentionSizes): Value {
  return scoreGradient("attentionKeyGradient", attentionKeyGradient, inputs.keys, inputs, sizes);
}

/** ∂/∂values, of the keys' shape: it needs neither values nor dots. */
export function valueGradient(
  inputs: Omit<AttentionGradientInputs, "values" | "dots">,
  sizes: AttentionSizes,
): Value {
  const { queries, keys, upstream, statistics, attentionMask } = inputs;
  const operands = [queries, keys, upstream, statistics, ...attentionMask ? [attentionMask] : []];
  return makeValue("attentionValueGradient", operands, keys.shape, {
    attributes: { ...sizes },
    onnx: withoutOnnx("attentionValueGradient"),
    wgsl: (builder, [queries, keys, upstream, statistics, attentionMask]) =>
      builder.dispatch(
        attentionValueGradient(sizes, { queries, keys, upstream, statistics, attentionMask }),
      ),
  });
}

function scoreGradient(
  operation: string,
  kernel: typeof attentionQueryGradient,
  of: Value,
  inputs: AttentionGradientInputs,
  sizes: AttentionSizes,
): Value {
  const { queries, keys, values, upstream, statistics, dots, attentionMask } = inputs;
  const operands = [
    ...[queries, keys, values, upstream, statistics, dots],
    ...attentionMask ? [attentionMask] : [],
  ];
  return makeValue(operation, operands, of.shape, {
    attributes: { ...sizes },
    onnx: withoutOnnx(operation),
    wgsl: (builder, [queries, keys, values, upstream, statistics, rowDots, attentionMask]) =>
      builder.dispatch(
        kernel(sizes, { queries, keys, values, upstream, statistics, rowDots, attentionMask }),
      ),
  });
}
