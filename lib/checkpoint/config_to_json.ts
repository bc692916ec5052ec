/** A configuration as the `config.json` that Hugging Face reads as it. The way back is `config.ts`. */

import type { DecoderConfig } from "./config.ts";
import { MODEL_TYPES } from "./settings/architecture.ts";
import type { RopeScaling } from "./settings/rope_scaling.ts";

/** The `config.json` of a configuration, with what all versions of transformers from 4.53 on understand. */
export function configToJson(config: DecoderConfig): Record<string, unknown> {
  const [modelType] = Object.entries(MODEL_TYPES).find(([, name]) => name === config.architecture)!;
  return {
    architectures: [config.architecture],
    model_type: modelType,
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layerCount,
    num_attention_heads: config.headCount,
    num_key_value_heads: config.keyValueHeadCount,
    head_dim: config.headSize,
    hidden_act: "silu",
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    ...config.ropeScaling ? { rope_scaling: scalingToJson(config.ropeScaling) } : {},
    ...windowsToJson(config),
    ...config.attentionBias === "qkvo" ? { attention_bias: true } : {},
    ...config.feedForwardBias ? { mlp_bias: true } : {},
    tie_word_embeddings: config.tiedEmbeddings,
    max_position_embeddings: config.maximumPositions,
    bos_token_id: config.bosToken,
    eos_token_id: endTokensToJson(config),
  };
}

/** Of several the one that pads comes first, as readers of one take it. */
function endTokensToJson({ eosToken, endTokens }: DecoderConfig): number | number[] | null {
  if (!endTokens) return eosToken;
  const others = endTokens.filter((token) => token !== eosToken);
  return others.length < endTokens.length ? [eosToken!, ...others] : others;
}

function scalingToJson(scaling: RopeScaling): Record<string, unknown> {
  const { type: rope_type, factor } = scaling;
  switch (scaling.type) {
    case "linear":
      return { rope_type, factor };
    case "dynamic":
      return { rope_type, factor, original_max_position_embeddings: scaling.originalPositions };
    case "llama3":
      return {
        rope_type,
        factor,
        low_freq_factor: scaling.lowFrequencyFactor,
        high_freq_factor: scaling.highFrequencyFactor,
        original_max_position_embeddings: scaling.originalPositions,
      };
    case "yarn":
      return {
        rope_type,
        factor,
        original_max_position_embeddings: scaling.originalPositions,
        attention_factor: scaling.attentionFactor,
        beta_fast: scaling.betaFast,
        beta_slow: scaling.betaSlow,
        truncate: scaling.truncate,
      };
  }
}

function windowsToJson(config: DecoderConfig): Record<string, unknown> {
  const { architecture, slidingWindow, slidingLayers, layerCount } = config;
  if (architecture === "LlamaForCausalLM") return {};
  if (architecture === "MistralForCausalLM") return { sliding_window: slidingWindow };
  const isSliding = slidingLayers ?? new Array<boolean>(layerCount).fill(slidingWindow !== null);
  if (!isSliding.includes(true)) return { use_sliding_window: false, sliding_window: null };
  return {
    use_sliding_window: true,
    sliding_window: slidingWindow,
    max_window_layers: isSliding.indexOf(true),
    layer_types: isSliding.map((each) => each ? "sliding_attention" : "full_attention"),
  };
}
