/** One decoder layer of Llama and Mistral, the unit of every graph. */

import type { Value } from "../graph/graph.ts";
import { add, multiply, scaleBy, silu } from "../graph/ops/elementwise.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../graph/ops/attention.ts";
import { rmsNormalize } from "../graph/ops/normalize.ts";
import { rotary } from "../graph/ops/rotary.ts";
import type { DecoderContext } from "./context.ts";

/**
 * h = x + o(attention(norm(x))), then h + down(silu(gate(norm(h))) ∘ up(norm(h))).
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

/** x̂ ∘ w, with w = `<norm>.weight`. */
export function rmsNorm(x: Value, norm: string, context: DecoderContext): Value {
  const weight = context.parameters(`${norm}.weight`);
  return multiply(rmsNormalize(x, context.config.normEpsilon), weight);
}

function selfAttention(x: Value, name: string, context: DecoderContext): Value {
  const { config, shape, linear, attentionMask } = context;
  const layout = { ...shape, headSize: config.headSize };
  const queries = rotary(linear(x, `${name}.self_attn.q_proj`), layout, config.ropeTheta);
  const keys = rotary(linear(x, `${name}.self_attn.k_proj`), layout, config.ropeTheta);
  const values = linear(x, `${name}.self_attn.v_proj`);
  const scaled = scaleBy(queries, 1 / Math.sqrt(config.headSize));
  const mask = { slidingWindow: config.slidingWindow, attentionMask };
  const weights = maskedSoftmax(attentionScores(scaled, keys, layout), mask);
  return linear(attentionMix(weights, values, layout), `${name}.self_attn.o_proj`);
}

function gatedFeedForward(x: Value, name: string, { linear }: DecoderContext): Value {
  const gate = silu(linear(x, `${name}.mlp.gate_proj`));
  return linear(multiply(gate, linear(x, `${name}.mlp.up_proj`)), `${name}.mlp.down_proj`);
}
