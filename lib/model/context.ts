/**
 * What the parts of the decoder share while a graph is built: sizes, where weights come from, and
 * how a linear layer is computed, which is the one thing that a compressed model changes.
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { storedTensor, tensorShape } from "../checkpoint/weights.ts";
import { input, type Value } from "../graph/graph.ts";
import { matmul } from "../graph/ops/matrix.ts";

/** Answers the value of a tensor by its name in the checkpoint. */
export type Parameters = (tensor: string) => Value;

/** Computes the linear layer `layer` (a name without `.weight`): `[tokens, in]` → `[tokens, out]`. */
export type Linear = (x: Value, layer: string) => Value;

/** Sequences of a batch and tokens of a sequence; every sequence of a batch is as long. */
export interface BatchShape {
  readonly batch: number;
  readonly sequence: number;
}

/** Everything that the decoder's parts need to know. */
export interface DecoderContext {
  readonly config: DecoderConfig;
  readonly shape: BatchShape;
  readonly parameters: Parameters;
  readonly linear: Linear;
  /** i32 `[batch, sequence]`, 0 for padding that no token may see. */
  readonly attentionMask?: Value;
}

/** One graph input for each tensor that is asked for, of its shape in the checkpoint. */
export function parameterInputs(config: DecoderConfig): Parameters {
  const inputs = new Map<string, Value>();
  return (tensor) => {
    const name = storedTensor(config, tensor);
    let value = inputs.get(name);
    if (!value) inputs.set(name, value = input(name, tensorShape(config, name)));
    return value;
  };
}

/** y = xWᵀ with W = `<layer>.weight`, `[out, in]`. */
export function denseLinear(parameters: Parameters): Linear {
  return (x, layer) => matmul(x, parameters(`${layer}.weight`), { transposeSecond: true });
}
