/**
 * The decoder of Llama and Mistral as a graph, from tokens to logits, readable from the top.
 *
 * How a linear layer is computed is the one thing that a compressed model changes: it comes from outside
 * (`linear.ts`). Not here: weights, engines, and running it layer by layer (`pipeline.ts`).
 */

import type { DecoderConfig } from "../checkpoint/config.ts";
import type { Value } from "../graph/graph.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../graph/ops/attention.ts";
import { add, multiply, scaleBy, silu } from "../graph/ops/elementwise.ts";
import { gatherRows, matmul } from "../graph/ops/matrix.ts";
import { rmsNormalize } from "../graph/ops/normalize.ts";
import { rotary } from "../graph/ops/rotary.ts";

/** Returns the value of a tensor by its name in the checkpoint. */
export type Parameters = (tensor: string) => Value;

/** Computes the linear layer `layer` (a name without `.weight`): `[tokens, in]` → `[tokens, out]`. */
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
  for (let index = 0; index < context.config.layerCount; index++) {
    hidden = decoderLayer(hidden, index, context);
  }
  return hidden;
}

/** Token embeddings: i32 `[batch · sequence]` → `[batch · sequence, hidden]`. */
export function embedTokens(tokens: Value, { parameters }: DecoderContext): Value {
  return gatherRows(parameters("model.embed_tokens.weight"), tokens);
}

/**
 * One decoder layer, the unit of every graph: h = x + o(attention(norm(x))), then
 * h + down(silu(gate(norm(h))) ∘ up(norm(h))).
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
  const { config, shape, linear, attentionMask } = context;
  const layout = { ...shape, headSize: config.headSize };
  const queries = rotary(linear(x, `${name}.self_attn.q_proj`), layout, config.ropeTheta);
  const keys = rotary(linear(x, `${name}.self_attn.k_proj`), layout, config.ropeTheta);
  const values = linear(x, `${name}.self_attn.v_proj`);
  const scaled = scaleBy(queries, 1 / Math.sqrt(config.headSize));
  const visible = { slidingWindow: config.slidingWindow, attentionMask };
  const weights = maskedSoftmax(attentionScores(scaled, keys, layout), visible);
  return linear(attentionMix(weights, values, layout), `${name}.self_attn.o_proj`);
}

function gatedFeedForward(x: Value, name: string, { linear }: DecoderContext): Value {
  const gate = silu(linear(x, `${name}.mlp.gate_proj`));
  return linear(multiply(gate, linear(x, `${name}.mlp.up_proj`)), `${name}.mlp.down_proj`);
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
