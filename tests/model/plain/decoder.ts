/**
 * A Llama, Mistral or Qwen decoder in float64 loops, put together from the plain ops: slow, for tiny
 * models only.
 */

import type { DecoderConfig } from "../../../lib/checkpoint/config.ts";
import type { BatchShape } from "../../../lib/model/llama.ts";
import {
  attentionMix,
  attentionScores,
  maskedSoftmax,
  rotary,
} from "../../graph/plain/attention.ts";
import { add, multiply, silu } from "../../graph/plain/elementwise.ts";
import { gatherRows, matmul, rmsNormalize } from "../../graph/plain/matrix.ts";
import { plainFrequencies } from "./rotary_frequencies.ts";

/** Tensors by their names in a checkpoint. */
export type PlainWeights = Readonly<Record<string, Float64Array>>;

/** What a masked decoder is told beside its tokens. */
export interface PlainMask {
  /** `[batch, sequence]`, 0 for padding. */
  attentionMask?: Float64Array;
  /**
   * Attention scores by layer that the derivatives of queries without a real key start from, see
   * `maskedSoftmax`; filled with those of this run where empty.
   */
  scores?: Float64Array[];
  /** Filled with what each linear layer reads, `[batch · sequence, in]`, by name. */
  inputs?: Map<string, Float64Array>;
}

/** Logits `[batch · sequence, vocabulary]` of the next tokens. */
export function decoderLogits(
  config: DecoderConfig,
  weights: PlainWeights,
  tokens: Float64Array,
  shape: BatchShape,
  { attentionMask, scores: startingScores = [], inputs }: PlainMask = {},
): Float64Array {
  const { hiddenSize, headSize, headCount, keyValueHeadCount, slidingWindow } = config;
  const turns = plainFrequencies(config, shape.sequence);
  const rows = tokens.length;
  const heads = { ...shape, headSize, heads: headCount, groups: keyValueHeadCount };
  const linear = (x: Float64Array, layer: string) => {
    inputs?.set(layer, x);
    const weight = weights[`${layer}.weight`];
    const inner = x.length / rows;
    const columns = weight.length / inner;
    const product = matmul(x, weight, { rows, inner, columns, transposeSecond: true });
    // The tensors themselves say which layers have biases, and whether heads have norms.
    const bias = weights[`${layer}.bias`];
    return bias ? product.map((each, at) => each + bias[at % columns]) : product;
  };
  const norm = (x: Float64Array, name: string, width = hiddenSize) =>
    multiply(rmsNormalize(x, width, config.normEpsilon), weights[`${name}.weight`]);
  const turned = (x: Float64Array, name: string) => {
    const isNormed = `${name}_norm.weight` in weights;
    const projected = linear(x, `${name}_proj`);
    return rotary(isNormed ? norm(projected, `${name}_norm`, headSize) : projected, heads, turns);
  };
  let hidden = gatherRows(weights["model.embed_tokens.weight"], tokens, hiddenSize);
  for (let index = 0; index < config.layerCount; index++) {
    const name = `model.layers.${index}`;
    const attended = norm(hidden, `${name}.input_layernorm`);
    const queries = turned(attended, `${name}.self_attn.q`);
    const keys = turned(attended, `${name}.self_attn.k`);
    const scores = attentionScores(queries, keys, heads).map((each) => each / Math.sqrt(headSize));
    const at = startingScores[index] ??= scores;
    const window = config.slidingLayers?.[index] === false ? null : slidingWindow;
    const seen = maskedSoftmax(scores, heads, window, attentionMask, at);
    const mixed = attentionMix(seen, linear(attended, `${name}.self_attn.v_proj`), heads);
    hidden = add(hidden, linear(mixed, `${name}.self_attn.o_proj`));
    const fed = norm(hidden, `${name}.post_attention_layernorm`);
    const gated = multiply(
      silu(linear(fed, `${name}.mlp.gate_proj`)),
      linear(fed, `${name}.mlp.up_proj`),
    );
    hidden = add(hidden, linear(gated, `${name}.mlp.down_proj`));
  }
  const head = config.tiedEmbeddings ? "model.embed_tokens" : "lm_head";
  return linear(norm(hidden, "model.norm"), head);
}
