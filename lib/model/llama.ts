/**
 * The decoder of Llama, Mistral and Qwen as a graph, from tokens to logits, readable from the top.
 *
 * How a linear layer is computed is the one thing that a compressed model changes: it comes from outside
 * (`linear.ts`), and so may what rows of several sequences and tenants do in ways of their own (`serving/`).
 * Not here: weights, engines, and running it layer by layer (`pipeline.ts`).
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

/**
 * What is left of attention between its projections: queries `[tokens, H · headSize]`, keys and values
 * `[tokens, K · headSize]`, not rotated yet → `[tokens, H · headSize]`.
 */
export type Attention = (queries: Value, keys: Value, values: Value) => Value;

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
  /** Default: each token attends to those of its sequence in the batch. */
  readonly attention?: Attention;
  /** A norm's weight or a bias, `[n]`, or one for each of so many rows, `[rows, n]`; default: `parameters`. */
  readonly vector?: (tensor: string, rows: number) => Value;
  /** Default: rows of the one table of embeddings. */
  readonly embedding?: (tokens: Value) => Value;
  /** Default: the product with the one head. */
  readonly head?: (normalized: Value) => Value;
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
export function embedTokens(tokens: Value, { parameters, embedding }: DecoderContext): Value {
  return embedding?.(tokens) ?? gatherRows(parameters("model.embed_tokens.weight"), tokens);
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
  const projected = (kind: "q" | "k" | "v" | "o", x: Value) =>
    affine(x, `${name}.self_attn.${kind}_proj`, context);
  const normalized = (kind: "q" | "k") =>
    headNorm(projected(kind, x), `${name}.self_attn.${kind}_norm`, context);
  const attend = context.attention ?? attentionWithin(context);
  return projected("o", attend(normalized("q"), normalized("k"), projected("v", x)));
}

/** Attention within the sequences of a batch, all tokens of which are at hand. */
function attentionWithin({ config, shape, attentionMask }: DecoderContext): Attention {
  const layout = { ...shape, headSize: config.headSize };
  const turns = rotaryFrequencies(config, shape.sequence);
  const visible = { slidingWindow: config.slidingWindow, attentionMask };
  return (queries, keys, values) => {
    const [turnedQueries, turnedKeys] = [queries, keys].map((each) => rotary(each, layout, turns));
    const scaled = scaleBy(turnedQueries, 1 / Math.sqrt(config.headSize));
    const weights = maskedSoftmax(attentionScores(scaled, turnedKeys, layout), visible);
    return attentionMix(weights, values, layout);
  };
}

function gatedFeedForward(x: Value, name: string, context: DecoderContext): Value {
  const gate = silu(affine(x, `${name}.mlp.gate_proj`, context));
  const gated = multiply(gate, affine(x, `${name}.mlp.up_proj`, context));
  return affine(gated, `${name}.mlp.down_proj`, context);
}

/** xWᵀ + b, with b = `<layer>.bias` where the layer has one. */
function affine(x: Value, layer: string, context: DecoderContext): Value {
  const product = context.linear(x, layer);
  const bias = biasOf(context.config, layer);
  return bias === null ? product : add(product, vectorOf(bias, product, context));
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
  const weight = vectorOf(`${norm}.weight`, x, context);
  return multiply(rmsNormalize(x, context.config.normEpsilon), weight);
}

/** What the rows of x are scaled or shifted by. */
function vectorOf(tensor: string, x: Value, { parameters, vector }: DecoderContext): Value {
  return vector?.(tensor, x.shape[0]) ?? parameters(tensor);
}

/** The tensors that {@linkcode headLogits} reads; a tied head is stored as the embedding. */
export const HEAD_TENSORS = ["model.norm.weight", "lm_head.weight"] as const;

/** Logits of the next token: hidden states `[rows, hidden]` → `[rows, vocabulary]`. */
export function headLogits(hidden: Value, context: DecoderContext): Value {
  const { parameters, head } = context;
  const normalized = rmsNorm(hidden, "model.norm", context);
  return head?.(normalized) ??
    matmul(normalized, parameters("lm_head.weight"), { transposeSecond: true });
}
