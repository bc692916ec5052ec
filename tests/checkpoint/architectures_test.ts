/** Configurations as published models have them, and what of others is said to be missing. */

import assert from "node:assert/strict";
import { type DecoderConfig, parseConfig } from "../../lib/checkpoint/config.ts";
import { configToJson } from "../../lib/checkpoint/config_to_json.ts";
import { tensorNames, tensorShape } from "../../lib/checkpoint/weights.ts";
import { ConfigError } from "../../lib/util/errors.ts";

type Json = Record<string, unknown>;

const read = (json: Json): DecoderConfig => parseConfig(json, "config.json");

const sizes = {
  vocab_size: 151936,
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
};

/** As Qwen2.5-7B's, but for what does not matter. */
const qwen2: Json = {
  ...sizes,
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  bos_token_id: 151643,
  eos_token_id: 151643,
  hidden_act: "silu",
  max_position_embeddings: 131072,
  max_window_layers: 28,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  sliding_window: 131072,
  tie_word_embeddings: false,
  use_mrope: false,
  use_sliding_window: false,
};
const qwen3: Json = { ...qwen2, architectures: ["Qwen3ForCausalLM"], model_type: "qwen3" };
const llama: Json = { ...sizes, architectures: ["LlamaForCausalLM"], model_type: "llama" };

Deno.test("a Qwen2 has biases on queries, keys and values, and no window that it does not use", () => {
  const config = read(qwen2);
  assert.equal(config.attentionBias, "qkv");
  assert.equal(read({ ...qwen2, attention_bias: true }).attentionBias, "qkv");
  assert.equal(config.slidingWindow, null);
  assert.equal(config.headSize, 128);
  assert.ok(!("slidingLayers" in config) && !("queryKeyNorms" in config));
  const own = tensorNames({ ...config, layerCount: 1 }).filter((name) => name.endsWith(".bias"));
  assert.deepEqual(own.map((name) => [name, tensorShape(config, name)]), [
    ["model.layers.0.self_attn.q_proj.bias", [3584]],
    ["model.layers.0.self_attn.k_proj.bias", [512]],
    ["model.layers.0.self_attn.v_proj.bias", [512]],
  ]);
});

Deno.test("a Qwen3 has norms of a head's width, and heads that are 128 wide unless it says so", () => {
  const config = read({ ...qwen3, hidden_size: 1024, num_attention_heads: 16 });
  assert.equal(config.headSize, 128);
  assert.equal(config.queryKeyNorms, true);
  assert.ok(!("attentionBias" in config));
  for (const kind of ["q", "k"]) {
    const name = `model.layers.27.self_attn.${kind}_norm.weight`;
    assert.ok(tensorNames(config).includes(name));
    assert.deepEqual(tensorShape(config, name), [128]);
  }
  assert.equal(read({ ...qwen3, attention_bias: true }).attentionBias, "qkvo");
});

Deno.test("a Llama has the biases that it says", () => {
  const config = read({ ...llama, attention_bias: true, mlp_bias: true });
  const biases = tensorNames(config).filter((name) =>
    name.startsWith("model.layers.3.") && name.endsWith("bias")
  );
  assert.deepEqual(biases.map((name) => tensorShape(config, name)[0]), [
    ...[3584, 512, 512, 3584],
    ...[18944, 18944, 3584],
  ]);
  assert.ok(!("attentionBias" in read({ ...llama, attention_bias: false, mlp_bias: null })));
});

Deno.test("absent fields of a Qwen take its own defaults", () => {
  const { max_position_embeddings: _, bos_token_id: _b, eos_token_id: _e, ...bare } = qwen2;
  const { num_key_value_heads: _k, rope_theta: _r, ...barest } = bare;
  const config = read({ ...barest, num_attention_heads: 32, hidden_size: 4096 });
  assert.deepEqual(
    [config.maximumPositions, config.bosToken, config.eosToken, config.keyValueHeadCount],
    [32768, null, null, 32],
  );
  assert.equal(config.ropeTheta, 10000);
});

Deno.test("a Qwen's windows are where it says: by layer types, else from a layer on", () => {
  const windowed = { ...qwen2, num_hidden_layers: 3, use_sliding_window: true, sliding_window: 64 };
  const windows = (fields: Json) => {
    const { slidingWindow, slidingLayers } = read({ ...windowed, ...fields });
    return [slidingWindow, slidingLayers];
  };
  const [full, sliding] = ["full_attention", "sliding_attention"];
  assert.deepEqual(windows({ max_window_layers: 2 }), [64, [false, false, true]]);
  assert.deepEqual(windows({ max_window_layers: 0 }), [64, undefined]);
  assert.deepEqual(windows({ max_window_layers: 3 }), [null, undefined]);
  assert.deepEqual(windows({ max_window_layers: undefined }), [null, undefined]);
  assert.deepEqual(windows({ layer_types: [sliding, full, sliding] }), [64, [true, false, true]]);
  assert.deepEqual(windows({ layer_types: [sliding, sliding, sliding] }), [64, undefined]);
  assert.deepEqual(windows({ layer_types: [full, full, full] }), [null, undefined]);
  assert.deepEqual(windows({ max_window_layers: 0, sliding_window: null }), [null, undefined]);
  assert.deepEqual(windows({ max_window_layers: 0, sliding_window: undefined }), [4096, undefined]);
});

/** Configurations, with the field, the value and what was expected. */
const refused: [name: string, json: Json, message: RegExp][] = [
  [
    "layers with a window that is not used",
    { ...qwen2, num_hidden_layers: 1, layer_types: ["sliding_attention"] },
    /'layer_types': contradicts.*expected only full_attention, as use_sliding_window is not true/,
  ],
  [
    "layer types of other layers",
    { ...qwen2, layer_types: ["full_attention"] },
    /'layer_types'.*got '1 types'; expected 28, as num_hidden_layers says/,
  ],
  [
    "windows by layer of more layers than there can be",
    { ...qwen2, use_sliding_window: true, num_hidden_layers: 2e9 },
    /'num_hidden_layers'.*got 2000000000; expected at most 100000 layers/,
  ],
  [
    "a window of nothing",
    { ...qwen2, use_sliding_window: true, sliding_window: 0 },
    /'sliding_window'/,
  ],
  [
    "MLP biases",
    { ...qwen2, mlp_bias: true },
    /'mlp_bias': asks for biases that no Qwen2ForCausalLM/,
  ],
  ...([
    ["Qwen3MoeForCausalLM", "mixtures of experts"],
    ["MixtralForCausalLM", "mixtures of experts"],
    ["PhiForCausalLM", "rotary positions of a part of a head"],
    ["Phi3ForCausalLM", "fused projections qkv_proj and gate_up_proj"],
    ["GemmaForCausalLM", "norms of 1 \\+ weight"],
    ["Gemma2ForCausalLM", "soft-capped logits"],
    ["Gemma3ForCausalLM", "windows and positions by layer"],
    ["Qwen2VLForConditionalGeneration", "pictures"],
    ["Qwen2_5_VLForConditionalGeneration", "pictures"],
    ["InternLM2ForCausalLM", "fused projection wqkv"],
    ["QWenLMHeadModel", "fused projection c_attn"],
    ["Qwen2AudioForConditionalGeneration", "sounds"],
    ["GptOssForCausalLM", "attention sinks"],
    ["DeepseekV3ForCausalLM", "latent attention"],
    ["SmolLM3ForCausalLM", "layers without positions"],
    ["FalconMambaForCausalLM", "state spaces"],
  ] as const).map(([name, missing]): [string, Json, RegExp] => [
    name,
    // Whatever else there is of it, which a decoder here would be refused for.
    { hidden_act: "gelu", num_experts: 8, architectures: [name], quantization_config: {} },
    new RegExp(
      `'architectures': is not supported, for want of .*${missing}.*got '${name}'.*Qwen3`,
    ),
  ]),
];
for (const [name, json, message] of refused) {
  Deno.test(`${name}: refused, with what is wrong or missing`, () => {
    assert.throws(() => read(json), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("what configToJson writes of any architecture reads back the same", () => {
  const windowed = { ...qwen2, num_hidden_layers: 4, use_sliding_window: true, sliding_window: 8 };
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
  const llama3 = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  const all: Json[] = [
    qwen2,
    { ...qwen2, tie_word_embeddings: true, rope_scaling: yarn },
    windowed,
    { ...windowed, max_window_layers: 1 },
    { ...windowed, max_window_layers: 0 },
    qwen3,
    { ...qwen3, attention_bias: true, head_dim: 64 },
    { ...llama, attention_bias: true, rope_scaling: llama3 },
    { ...llama, mlp_bias: true, rope_scaling: { type: "linear", factor: 4 } },
    { ...llama, rope_scaling: { type: "dynamic", factor: 2 } },
    { ...llama, rope_scaling: { ...yarn, mscale: 1, mscale_all_dim: 0.7, truncate: false } },
  ];
  for (const json of all) {
    const config = read(json);
    assert.deepEqual(read(configToJson(config)), config);
  }
});
