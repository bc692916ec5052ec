/**
 * The decoder of Llama, Mistral and Qwen as a graph, from tokens to logits, readable from the top.
 *
 * How a linear layer is computed is the one thing that a compressed model changes: it comes from outside
 * (`linear.ts`). Not here: weights, engines, and running it layer by layer (`pipeline.ts`).
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import { rotaryFrequencies } from "../checkpoint/rotary_frequencies.ts";
import { biasOf } from "../checkpoint/weights.ts";
import type { Value } from "../graph/graph.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../graph/ops/attention.ts";
import { add, multiply, reshape, scaleBy, silu } from "../graph/ops/elementwise.ts";
import { gatherRows, matmul } from "../graph/ops/matrix.ts";
import { rmsNormalize } from "../graph/ops/normalize.ts";
import { rotary } from "../graph/ops/rotary.ts";

/** Returns the value of a tensor by its name in the checkpoint. */
export type Parameters = (tensor: string) => Value;

/**
 * Computes the linear layer `layer` (a name without `.weight`) but for its bias: `[tokens, in]` → `[tokens, out]`.
 */
export type Linear = (x: Value, layer: string) => Value;

/** Sequences of a batch and tokens of a sequence; every sequence of a batch is as long. */
export interface BatchShape {
  readonly batch: number;
  readonly sequence: number;
}

/** Everything that the decoder's parts share: sizes, weights, and how a linear layer is computed. */
export interface DecoderContext {
  readonly config: DecoderConfig;
  readonly shape: BatchShape;
  readonly parameters: Parameters;
  readonly linear: Linear;
  /** i32 `[batch, sequence]`, 0 for padding that no token may see. */
  readonly attentionMask?: Value;
}

/** The whole model: i32 `[batch · sequence]` → logits `[batch · sequence, vocabulary]`. */
export function modelLogits(tokens: Value, context: DecoderContext): Value {
  return headLogits(hiddenStates(tokens, context), context);
}

/** Embedding and all layers: i32 `[batch · sequence]` → `[batch · sequence, hidden]`. */
export function hiddenStates(tokens: Value, context: DecoderContext): Value {
  let hidden = embedTokens(tokens, context);
  const { config } = context;
  for (let index = 0; index < config.layerCount; index++) {
    hidden = decoderLayer(hidden, index, { ...context, config: layerConfig(config, index) });
  }
  return hidden;
}

/** The configuration for decoder layer `index` alone: with the sliding window if that layer has it. */
export function layerConfig(config: DecoderConfig, index: number): DecoderConfig {
  const { slidingLayers, ...others } = config;
  if (!slidingLayers) return config;
  return { ...others, slidingWindow: slidingLayers[index] ? config.slidingWindow : null };
}

/** Token embeddings: i32 `[batch · sequence]` → `[batch · sequence, hidden]`. */
export function embedTokens(tokens: Value, { parameters }: DecoderContext): Value {
  return gatherRows(parameters("model.embed_tokens.weight"), tokens);
}

/**
 * One decoder layer, the unit of every graph: h = x + o(attention(norm(x))), then
 * h + down(silu(gate(norm(h))) ∘ up(norm(h))). The window of attention is that of {@linkcode layerConfig}.
 *
 * @param x `[batch · sequence, hidden]`
 * @param index which layer, 0 first
 * @returns `[batch · sequence, hidden]`
 */
export function decoderLayer(x: Value, index: number, context: DecoderContext): Value {
  const name = `model.layers.${index}`;
  const attended = add(
    x,
    selfAttention(rmsNorm(x, `${name}.input_layernorm`, context), name, context),
  );
  const normalized = rmsNorm(attended, `${name}.post_attention_layernorm`, context);
  return add(attended, gatedFeedForward(normalized, name, context));
}

function selfAttention(x: Value, name: string, context: DecoderContext): Value {
  const { config, shape, attentionMask } = context;
  const layout = { ...shape, headSize: config.headSize };
  const turns = rotaryFrequencies(config, shape.sequence);
  const turned = (kind: "q" | "k") => {
    const projected = affine(x, `${name}.self_attn.${kind}_proj`, context);
    return rotary(headNorm(projected, `${name}.self_attn.${kind}_norm`, context), layout, turns);
  };
  const [queries, keys] = [turned("q"), turned("k")];
  const values = affine(x, `${name}.self_attn.v_proj`, context);
  const scaled = scaleBy(queries, 1 / Math.sqrt(config.headSize));
  const visible = { slidingWindow: config.slidingWindow, attentionMask };
  const weights = maskedSoftmax(attentionScores(scaled, keys, layout), visible);
  return affine(attentionMix(weights, values, layout), `${name}.self_attn.o_proj`, context);
}

function gatedFeedForward(x: Value, name: string, context: DecoderContext): Value {
  const gate = silu(affine(x, `${name}.mlp.gate_proj`, context));
  const gated = multiply(gate, affine(x, `${name}.mlp.up_proj`, context));
  return affine(gated, `${name}.mlp.down_proj`, context);
}

/** xWᵀ + b, with b = `<layer>.bias` where the layer has one. */
function affine(x: Value, layer: string, { config, linear, parameters }: DecoderContext): Value {
  const bias = biasOf(config, layer);
  return bias === null ? linear(x, layer) : add(linear(x, layer), parameters(bias));
}

/** Each head of x `[tokens, heads · headSize]` normalised by itself, where the decoder does so. */
function headNorm(x: Value, norm: string, context: DecoderContext): Value {
  const { queryKeyNorms, headSize } = context.config;
  if (!queryKeyNorms) return x;
  const heads = reshape(x, [x.shape[0] * x.shape[1] / headSize, headSize]);
  return reshape(rmsNorm(heads, norm, context), x.shape);
}

/** x̂ ∘ w, with w = `<norm>.weight`. */
function rmsNorm(x: Value, norm: string, context: DecoderContext): Value {
  const weight = context.parameters(`${norm}.weight`);
  return multiply(rmsNormalize(x, context.config.normEpsilon), weight);
}

/** The tensors that {@linkcode headLogits} reads; a tied head is stored as the embedding. */
export const HEAD_TENSORS = ["model.norm.weight", "lm_head.weight"] as const;

/** Logits of the next token: hidden states `[rows, hidden]` → `[rows, vocabulary]`. */
export function headLogits(hidden: Value, context: DecoderContext): Value {
  const head = context.parameters("lm_head.weight");
  return matmul(rmsNorm(hidden, "model.norm", context), head, { transposeSecond: true });
}
