/**
 * The shape of a decoder-only transformer, from the `config.json` beside its weights.
 *
 * Reads `LlamaForCausalLM` and `MistralForCausalLM`. A setting that would change the forward pass and
 * that this library does not compute (scaled rotary positions, biases, another activation, quantised
 * weights, a model within the model) is refused, never ignored. Not here: tensors; `weights.ts` derives their
 * names and shapes from this.
 */

import * as v from "valibot";
import { ConfigError } from "../util/errors.ts";
import { agreeingFields, architectureOf, ropeTheta, slidingWindow } from "./agreeing_settings.ts";
import { firstIssue } from "../util/json_file.ts";

/** What a decoder computes, apart from its weights. */
export interface DecoderConfig {
  /** The model's class in transformers. */
  readonly architecture: "LlamaForCausalLM" | "MistralForCausalLM";
  /** Rows of the embedding and of the head. */
  readonly vocabularySize: number;
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  /** Width between the gate/up and the down projection. */
  readonly intermediateSize: number;
  /** Decoder layers. */
  readonly layerCount: number;
  /** Query heads. */
  readonly headCount: number;
  /** Key/value heads; each serves `headCount / keyValueHeadCount` query heads. */
  readonly keyValueHeadCount: number;
  /** Width of one head. */
  readonly headSize: number;
  /** ε of RMSNorm: `x / √(mean(x²) + ε)`. */
  readonly normEpsilon: number;
  /** θ of the rotary positions: frequency `θ^(−2i / headSize)`. */
  readonly ropeTheta: number;
  /** Keys a query sees, itself included; `null` for all before it. */
  readonly slidingWindow: number | null;
  /** Whether the head is the embedding. */
  readonly tiedEmbeddings: boolean;
  /** Tokens of the longest sequence that it was made for. */
  readonly maximumPositions: number;
  /** Id of the token that begins a text; `null`: none. */
  readonly bosToken: number | null;
  /** Id of the token that ends a text; `null`: none. */
  readonly eosToken: number | null;
}

/** How a `config.json` is read: at most so many bytes of it, and what it should be. */
export const CONFIG_FILE = {
  mostBytes: 1e6,
  expected: "the JSON settings of a Llama or Mistral checkpoint",
};

/** The most that a size or an id can be, whatever type a reader keeps it in. */
const MOST = 2 ** 31 - 1;

const size = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST));
const token = v.pipe(v.number(), v.integer(), v.maxValue(MOST));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());

/** Fields that both architectures share; where one may be absent, `parseConfig` fills in the default. */
const schema = v.looseObject({
  ...agreeingFields,
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: v.nullish(size),
  head_dim: v.nullish(size),
  rms_norm_eps: v.nullish(positive),
  tie_word_embeddings: v.nullish(v.boolean()),
  max_position_embeddings: v.nullish(size),
  bos_token_id: v.nullish(token),
  eos_token_id: v.nullish(v.union([token, v.array(token)])),
  hidden_act: v.nullish(v.picklist(["silu", "swish"])),
  attention_bias: v.nullish(v.literal(false)),
  mlp_bias: v.nullish(v.literal(false)),
  text_config: v.nullish(v.never("a model that is not part of another")),
  quantization_config: v.nullish(v.never("weights that are not quantised")),
  compression_config: v.nullish(v.never("weights that are not quantised")),
});

/**
 * Reads a parsed `config.json`.
 *
 * Absent fields take the defaults of Hugging Face's `LlamaConfig` and `MistralConfig`; of several
 * end-of-text tokens the first is kept; a negative token is none.
 *
 * @param file name for error messages.
 * @throws {ConfigError} naming the field, its value and what was expected.
 */
export function parseConfig(json: unknown, file: string): DecoderConfig {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (!result.success) {
    const problem = "is missing or not supported";
    throw new ConfigError({ problem, file, ...firstIssue(result.issues) });
  }
  const fields = result.output;
  const architecture = architectureOf(fields, file);
  const isMistral = architecture === "MistralForCausalLM";
  const headCount = fields.num_attention_heads;
  const config: DecoderConfig = {
    architecture,
    vocabularySize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layerCount: fields.num_hidden_layers,
    headCount,
    keyValueHeadCount: keyValueHeads(fields.num_key_value_heads, headCount, isMistral),
    headSize: fields.head_dim ?? fields.hidden_size / headCount,
    normEpsilon: fields.rms_norm_eps ?? 1e-6,
    ropeTheta: ropeTheta(fields, file),
    slidingWindow: slidingWindow(fields, architecture, file),
    tiedEmbeddings: fields.tie_word_embeddings ?? false,
    maximumPositions: fields.max_position_embeddings ?? (isMistral ? 131072 : 2048),
    bosToken: firstToken(fields.bos_token_id, 1),
    eosToken: firstToken(fields.eos_token_id, 2),
  };
  checkHeads(config, file);
  return config;
}

/** `MistralConfig` takes 8 where the field is absent; both take the query heads' number for null. */
function keyValueHeads(
  field: number | null | undefined,
  headCount: number,
  isMistral: boolean,
): number {
  return field === undefined && isMistral ? 8 : field ?? headCount;
}

function firstToken(field: number | number[] | null | undefined, absent: number): number | null {
  if (field === undefined) return absent;
  return [field ?? []].flat().find((token) => token >= 0) ?? null;
}

function checkHeads(config: DecoderConfig, file: string): void {
  const { headCount, keyValueHeadCount, headSize } = config;
  if (headCount % keyValueHeadCount !== 0) {
    throw new ConfigError({
      problem: "query heads cannot share key/value heads evenly",
      file,
      option: "num_key_value_heads",
      value: keyValueHeadCount,
      expected: `a divisor of num_attention_heads (${headCount})`,
    });
  }
  if (!Number.isInteger(headSize) || headSize % 2 !== 0) {
    throw new ConfigError({
      problem: "rotary positions need heads of even width",
      file,
      option: "head_dim",
      value: headSize,
      expected: "an even integer, given or as hidden_size / num_attention_heads",
    });
  }
}

/** The `config.json` that Hugging Face reads as this configuration. */
export function configToJson(config: DecoderConfig): Record<string, unknown> {
  const isMistral = config.architecture === "MistralForCausalLM";
  return {
    architectures: [config.architecture],
    model_type: isMistral ? "mistral" : "llama",
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
    ...(isMistral ? { sliding_window: config.slidingWindow } : {}),
    tie_word_embeddings: config.tiedEmbeddings,
    max_position_embeddings: config.maximumPositions,
    bos_token_id: config.bosToken,
    eos_token_id: config.eosToken,
  };
}
