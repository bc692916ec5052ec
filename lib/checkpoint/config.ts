/**
 * The shape of a decoder-only transformer, from the `config.json` beside its weights.
 *
 * Reads `LlamaForCausalLM`, `MistralForCausalLM`, `Qwen2ForCausalLM` and `Qwen3ForCausalLM`. A setting that
 * would change the forward pass and that this library does not compute (experts, soft-capping, another
 * activation, quantised weights, a model within the model) is refused, never ignored. Not here: settings that
 * several fields give (`settings/`); tensors, whose names and shapes `weights.ts` derives from this.
 */

import * as v from "valibot";
import { ConfigError } from "../util/errors.ts";
import { firstIssue } from "../util/json_file.ts";
import { type Architecture, architectureFields, architectureOf } from "./settings/architecture.ts";
import { ropeFields, type RopeScaling, ropeScaling } from "./settings/rope_scaling.ts";
import { ropeTheta } from "./settings/rope_theta.ts";
import { windowFields, windowsOf } from "./settings/windows.ts";

/** What a decoder computes, apart from its weights. What few decoders have is absent in the others. */
export interface DecoderConfig {
  /** The model's class in transformers. */
  readonly architecture: Architecture;
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
  /** θ of the rotary positions: frequency `θ^(−2i / headSize)`, before any scaling. */
  readonly ropeTheta: number;
  /** Keys a query sees, itself included; `null` for all before it. */
  readonly slidingWindow: number | null;
  /** Whether the head is the embedding. */
  readonly tiedEmbeddings: boolean;
  /** Tokens of the longest sequence that it was made for. */
  readonly maximumPositions: number;
  /** Id of the token that begins a text; `null`: none. */
  readonly bosToken: number | null;
  /** Id of the token that ends a text and pads shorter ones; `null`: none. */
  readonly eosToken: number | null;
  /** All tokens at which the model stops, where they are not `eosToken` alone. */
  readonly endTokens?: readonly number[];
  /** How the frequencies of rotary positions are scaled; absent: not at all. */
  readonly ropeScaling?: RopeScaling;
  /** Of each layer whether it has the sliding window; absent: all have it. */
  readonly slidingLayers?: readonly boolean[];
  /** Which projections of attention have biases: queries, keys and values, or the output too. */
  readonly attentionBias?: "qkv" | "qkvo";
  /** Whether gate, up and down projection have biases. */
  readonly feedForwardBias?: true;
  /** Whether each head of queries and keys is normalised, before it is rotated. */
  readonly queryKeyNorms?: true;
}

/** How a `config.json` is read: at most so many bytes of it, and what it should be. */
export const CONFIG_FILE = {
  mostBytes: 1e6,
  expected: "the JSON settings of a Llama, Mistral or Qwen checkpoint",
};

/** The most that a size or an id can be, whatever type a reader keeps it in. */
const MOST = 2 ** 31 - 1;

const size = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST));
const token = v.pipe(v.number(), v.integer(), v.maxValue(MOST));
const positive = v.pipe(v.number(), v.gtValue(0), v.finite());

const none = (what: string) => v.nullish(v.never(what));

/** Which decoder it is of. */
const names = v.looseObject(architectureFields);

/** Fields that architectures share; where one may be absent, `parseConfig` fills in the default. */
const schema = v.looseObject({
  ...ropeFields,
  ...windowFields,
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
  attention_bias: v.nullish(v.boolean()),
  mlp_bias: v.nullish(v.boolean()),
  text_config: none("a model that is not part of another"),
  quantization_config: none("weights that are not quantised"),
  compression_config: none("weights that are not quantised"),
  attn_logit_softcapping: none("attention without soft-capped scores"),
  final_logit_softcapping: none("logits that are not soft-capped"),
  num_experts: none("one feed-forward a layer, no experts"),
  num_local_experts: none("one feed-forward a layer, no experts"),
  sliding_window_pattern: none("windows by layer_types"),
});

/**
 * Reads a parsed `config.json`.
 *
 * Absent fields take the defaults of Hugging Face's `LlamaConfig`, `MistralConfig`, `Qwen2Config` and
 * `Qwen3Config`; a negative token is none.
 *
 * @param file name for error messages.
 * @throws {ConfigError} naming the field, its value and what was expected.
 */
export function parseConfig(json: unknown, file: string): DecoderConfig {
  // First: of another kind of decoder no other field is told.
  const architecture = architectureOf(read(names, json, file), file);
  const fields = read(schema, json, file);
  const absent = DEFAULTS[architecture];
  const headCount = fields.num_attention_heads;
  const maximumPositions = fields.max_position_embeddings ?? absent.maximumPositions;
  const { slidingWindow, ...layers } = windowsOf(
    fields,
    architecture,
    fields.num_hidden_layers,
    file,
  );
  const scaling = ropeScaling(fields, maximumPositions, file);
  // What few decoders have is absent in the others: the hash of a checkpoint is over this object's text.
  const config: DecoderConfig = {
    architecture,
    vocabularySize: fields.vocab_size,
    hiddenSize: fields.hidden_size,
    intermediateSize: fields.intermediate_size,
    layerCount: fields.num_hidden_layers,
    headCount,
    keyValueHeadCount: keyValueHeads(fields.num_key_value_heads, headCount, absent),
    headSize: fields.head_dim ?? absent.headSize ?? fields.hidden_size / headCount,
    normEpsilon: fields.rms_norm_eps ?? 1e-6,
    ropeTheta: ropeTheta(fields, file),
    slidingWindow,
    tiedEmbeddings: fields.tie_word_embeddings ?? false,
    maximumPositions,
    bosToken: firstToken(fields.bos_token_id, absent.bosToken),
    eosToken: firstToken(fields.eos_token_id, absent.eosToken),
    ...severalTokens(fields.eos_token_id),
    ...scaling ? { ropeScaling: scaling } : {},
    ...layers,
    ...biases(fields, architecture, file),
    ...architecture === "Qwen3ForCausalLM" ? { queryKeyNorms: true } : {},
  };
  checkHeads(config, file);
  return config;
}

function read<Output>(
  schema: v.GenericSchema<unknown, Output>,
  json: unknown,
  file: string,
): Output {
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const problem = "is missing or not supported";
  throw new ConfigError({ problem, file, ...firstIssue(result.issues) });
}

/** What an architecture's configuration is where it does not say. */
interface Defaults {
  readonly keyValueHeadCount: number | null;
  readonly headSize: number | null;
  readonly maximumPositions: number;
  readonly bosToken: number | null;
  readonly eosToken: number | null;
}

const LLAMA: Defaults = {
  keyValueHeadCount: null,
  headSize: null,
  maximumPositions: 2048,
  bosToken: 1,
  eosToken: 2,
};
const QWEN2: Defaults = {
  keyValueHeadCount: 32,
  headSize: null,
  maximumPositions: 32768,
  bosToken: null,
  eosToken: null,
};
const DEFAULTS: Readonly<Record<Architecture, Defaults>> = {
  LlamaForCausalLM: LLAMA,
  MistralForCausalLM: { ...LLAMA, keyValueHeadCount: 8, maximumPositions: 131072 },
  Qwen2ForCausalLM: QWEN2,
  Qwen3ForCausalLM: { ...QWEN2, headSize: 128 },
};

/** Where the field is absent the default, if there is one; for null, as many as there are query heads. */
function keyValueHeads(
  field: number | null | undefined,
  headCount: number,
  absent: Defaults,
): number {
  return field === undefined ? absent.keyValueHeadCount ?? headCount : field ?? headCount;
}

/** Qwen2 has biases on queries, keys and values, whatever it says; Llama and Qwen3 have what they say. */
function biases(
  fields: { attention_bias?: boolean | null; mlp_bias?: boolean | null },
  architecture: Architecture,
  file: string,
): Pick<DecoderConfig, "attentionBias" | "feedForwardBias"> {
  const { attention_bias: attention, mlp_bias: feedForward } = fields;
  const isQwen2 = architecture === "Qwen2ForCausalLM";
  const stray = attention && architecture === "MistralForCausalLM"
    ? "attention_bias"
    : feedForward && architecture !== "LlamaForCausalLM"
    ? "mlp_bias"
    : null;
  if (stray) {
    throw new ConfigError({
      problem: `asks for biases that no ${architecture} has`,
      file,
      option: stray,
      value: true,
      expected: "false",
    });
  }
  return {
    ...isQwen2 ? { attentionBias: "qkv" } : attention ? { attentionBias: "qkvo" } : {},
    ...feedForward ? { feedForwardBias: true } : {},
  };
}

function firstToken(
  field: number | number[] | null | undefined,
  absent: number | null,
): number | null {
  if (field === undefined) return absent;
  return [field ?? []].flat().find((token) => token >= 0) ?? null;
}

/** Tokens that end a text, where a file names several. */
function severalTokens(
  field: number | number[] | null | undefined,
): Pick<DecoderConfig, "endTokens"> {
  const endTokens = [...new Set([field ?? []].flat())].filter((token) => token >= 0);
  return endTokens.length > 1 ? { endTokens } : {};
}

/** A configuration as text, by which hashes know it: where a model stops changes none of its numbers. */
export function hashedConfig(config: DecoderConfig): string {
  return JSON.stringify({ ...config, endTokens: undefined });
}

function checkHeads(config: DecoderConfig, file: string): void {
  const { headCount, keyValueHeadCount, headSize, ropeTheta, ropeScaling } = config;
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
  if (ropeScaling?.type === "dynamic" && headSize === 2) {
    throw new ConfigError({
      problem: "is too little for dynamic positions, which divide by head_dim − 2",
      file,
      option: "head_dim",
      value: headSize,
      expected: "4 or more",
    });
  }
  if (ropeScaling?.type === "yarn" && ropeTheta <= 1) {
    throw new ConfigError({
      problem: "is too little for yarn, which divides by its logarithm",
      file,
      option: "rope_theta",
      value: ropeTheta,
      expected: "more than 1",
    });
  }
}
