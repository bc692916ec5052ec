/** The compressed model as a graph: each linear layer is its base plus one scale times its signs. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { linearLayerNames, linearShape } from "../checkpoint/weights.ts";
import { wordsPerRow } from "../delta/signs.ts";
import { type BatchShape, parameterInputs } from "../graph/decoder/context.ts";
import { modelLogits } from "../graph/decoder/model.ts";
import { input, type Value } from "../graph/graph.ts";
import { add } from "../graph/ops/add.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { multiply } from "../graph/ops/multiply.ts";
import { signMatmul } from "../graph/ops/sign_matmul.ts";
import { stopGradient } from "../graph/ops/stop_gradient.ts";

/** A student's logits and the inputs that training may change. */
export interface StudentGraph {
  /** `[batch · sequence, vocabulary]` */
  readonly logits: Value;
  /** Scalar inputs `<layer>.coeff`. */
  readonly scales: ReadonlyMap<string, Value>;
  /** Answers the input of a tensor: `<layer>.weight` is the base's, any other the student's own. */
  readonly parameters: (tensor: string) => Value;
}

/**
 * y = xW_baseᵀ + α · (xSᵀ) in each linear layer, S from the packed input `<layer>.mask`.
 *
 * @param detached whether x is a constant in the second term, as in the study, whose binary product
 * passes no gradient on.
 */
export function studentGraph(
  config: DecoderConfig,
  shape: BatchShape,
  tokens: Value,
  keyMask: Value,
  detached: boolean,
): StudentGraph {
  const parameters = parameterInputs(config);
  const layers = linearLayerNames(config);
  const scales = new Map(layers.map((layer) => [layer, input(`${layer}.coeff`, [])]));
  const linear = (x: Value, layer: string) => {
    const [outputSize, inputSize] = linearShape(config, layer);
    const mask = input(`${layer}.mask`, [wordsPerRow(inputSize), outputSize], "i32");
    const dense = matmul(x, parameters(`${layer}.weight`), { transposeSecond: true });
    const signed = signMatmul(detached ? stopGradient(x) : x, mask);
    return add(dense, multiply(signed, scales.get(layer)!));
  };
  const logits = modelLogits(tokens, { config, shape, parameters, linear, keyMask });
  return { logits, scales, parameters };
}
