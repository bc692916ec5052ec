/** Linear layers of a compressed model: a base's weights, packed signs and one scale. */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { linearShape } from "../checkpoint/weights.ts";
import { wordsPerRow } from "../codecs/signs.ts";
import { input, type Value } from "../graph/graph.ts";
import { add, multiply, stopGradient } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matrix.ts";
import { signMatmul } from "../graph/ops/signs.ts";
import { type Linear, parameterInputs, type Parameters } from "./context.ts";

/** The inputs of a compressed model's graph, and its linear layers made of them. */
export interface CompressedInputs {
  /** `<layer>.weight` is the base's, any other tensor the compressed model's own. */
  readonly parameters: Parameters;
  /** The scalar input `<layer>.coeff`. */
  readonly scale: (layer: string) => Value;
  readonly linear: Linear;
}

/**
 * y = xW_baseᵀ + α · (xSᵀ) in each linear layer, S from the packed input `<layer>.mask`.
 *
 * @param detached whether x is a constant in the second term, as in the study, whose binary product
 * passes no gradient on.
 */
export function compressedInputs(config: DecoderConfig, detached = false): CompressedInputs {
  const parameters = parameterInputs(config);
  const scales = new Map<string, Value>();
  const scale = (layer: string) => {
    const known = scales.get(layer) ?? input(`${layer}.coeff`, []);
    scales.set(layer, known);
    return known;
  };
  const linear = (x: Value, layer: string) => {
    const [outputSize, inputSize] = linearShape(config, layer);
    const mask = input(`${layer}.mask`, [wordsPerRow(inputSize), outputSize], "i32");
    const dense = matmul(x, parameters(`${layer}.weight`), { transposeSecond: true });
    const signed = signMatmul(detached ? stopGradient(x) : x, mask);
    return add(dense, multiply(signed, scale(layer)));
  };
  return { parameters, scale, linear };
}
