/**
 * Which decoder a `config.json` is of, by `architectures` and `model_type`; and of those that are not
 * supported, what of them is missing here.
 */

import * as v from "valibot";
import { ConfigError } from "../../util/errors.ts";
import { contradiction } from "./contradiction.ts";

/** The model's class in transformers. */
export type Architecture =
  | "LlamaForCausalLM"
  | "MistralForCausalLM"
  | "Qwen2ForCausalLM"
  | "Qwen3ForCausalLM";

/** Architectures by their `model_type`. */
export const MODEL_TYPES: Readonly<Record<string, Architecture>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
};

const SUPPORTED: readonly Architecture[] = Object.values(MODEL_TYPES);

/** As the first converters of Llama's weights wrote it. */
const OLD_NAME = "LLaMAForCausalLM";

const EXPERTS = "mixtures of experts";
const GEMMA = "scaled embeddings, norms of 1 + weight and GELU";
const PICTURES = "pictures and positions in three parts";
const FALCON = "fused or shared heads, LayerNorm and GELU";

const SOUND = "sounds, and positions in three parts";
const STATES = "layers of state spaces";

/** What is missing for decoders that are asked for, by the beginning of their names in lower case. */
const MISSING: readonly (readonly [name: string, missing: string])[] = [
  ["mixtral", EXPERTS],
  ["qwen2moe", EXPERTS],
  ["qwen3moe", EXPERTS],
  ["qwen3next", `${EXPERTS} and linear attention`],
  ["qwen35", "linear attention"],
  ["qwen2audio", SOUND],
  ["qwen25omni", SOUND],
  ["qwen3omni", SOUND],
  ["llama4", `${EXPERTS}, and layers without positions`],
  ["deepseek", `latent attention and ${EXPERTS}`],
  ["olmoe", EXPERTS],
  ["gptoss", `${EXPERTS} and attention sinks`],
  ["phimoe", EXPERTS],
  ["glm4moe", EXPERTS],
  ["granitemoe", EXPERTS],
  ["ernie45moe", EXPERTS],
  ["phi3", "fused projections qkv_proj and gate_up_proj"],
  ["phi4", "fused projections qkv_proj and gate_up_proj"],
  ["phi", "rotary positions of a part of a head, LayerNorm and GELU"],
  ["gemma2", `${GEMMA}, soft-capped logits and windows on every other layer`],
  ["gemma3", `${GEMMA}, and windows and positions by layer`],
  ["gemma", GEMMA],
  ["qwen2vl", PICTURES],
  ["qwen25vl", PICTURES],
  ["qwen3vl", PICTURES],
  ["mllama", "pictures and cross-attention"],
  ["llava", "pictures"],
  ["cohere", "layers in parallel, LayerNorm and soft-scaled logits"],
  ["stablelm", "rotary positions of a part of a head and LayerNorm"],
  ["glm", "fused projections and rotary positions of a part of a head"],
  ["chatglm", "fused projections and rotary positions of a part of a head"],
  ["internlm2", "the fused projection wqkv"],
  ["baichuan", "the fused projection W_pack"],
  ["qwenlmhead", "the fused projection c_attn"],
  ["mistral3", "pictures"],
  ["ministral", "windows or positions by layer"],
  ["smollm3", "layers without positions"],
  ["olmo", "norms of whole queries and keys, or none with weights"],
  ["granite", "scaled embeddings, residuals and logits"],
  ["minicpm", "scaled embeddings, residuals and logits"],
  ["ernie45", "rotary positions of neighbouring features"],
  ["falconmamba", STATES],
  ["falconh1", STATES],
  ["mamba", STATES],
  ["jamba", STATES],
  ["gptneox", `rotary positions of a part of a head, ${FALCON}`],
  ["falcon", FALCON],
  ["starcoder2", "LayerNorm and GELU"],
  ["gpt2", "learned positions, LayerNorm and GELU"],
  ["opt", "learned positions, LayerNorm and ReLU"],
];

/** The fields that this file is about; all may be absent or null. */
export const architectureFields = {
  architectures: v.nullish(v.array(v.string())),
  model_type: v.nullish(v.string()),
};

type Fields = v.InferOutput<v.ObjectSchema<typeof architectureFields, undefined>>;

/**
 * The architecture by `architectures`, by `model_type` where there are none.
 *
 * @throws {ConfigError} if one of them names one that is not supported, saying what is missing; if neither
 * names one, or they name different ones.
 */
export function architectureOf(fields: Fields, file: string): Architecture {
  const { architectures, model_type: type } = fields;
  const named = (architectures ?? []).map((each): Architecture => {
    const name = each === OLD_NAME ? "LlamaForCausalLM" : SUPPORTED.find((one) => one === each);
    if (name) return name;
    throw unsupported(file, "architectures", each);
  });
  const typed = Object.hasOwn(MODEL_TYPES, type ?? "") ? MODEL_TYPES[type!] : undefined;
  const architecture = named[0] ?? typed;
  if (architecture === undefined) {
    throw unsupported(file, type ? "model_type" : "architectures", type || "nothing");
  }
  const another = named.find((each) => each !== architecture);
  if (another) throw contradiction(file, "architectures", another, `only ${architecture}`);
  if (type && typed !== architecture) {
    const expected = `the model_type of ${architecture}, which architectures names`;
    throw contradiction(file, "model_type", type, expected);
  }
  return architecture;
}

function unsupported(file: string, option: string, value: string): ConfigError {
  const plain = value.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  const missing = MISSING.find(([name]) => plain.startsWith(name))?.[1];
  const types = Object.keys(MODEL_TYPES);
  return new ConfigError({
    problem: missing ? `is not supported, for want of ${missing}` : "is missing or not supported",
    file,
    option,
    value,
    expected: `${SUPPORTED.slice(0, -1).join(", ")} or ${SUPPORTED.at(-1)}, ` +
      `or a model_type of ${types.slice(0, -1).join(", ")} or ${types.at(-1)}`,
  });
}
