import assert from "node:assert/strict";
import { type DecoderConfig, parseConfig } from "../../lib/checkpoint/config.ts";
import { configToJson } from "../../lib/checkpoint/config_to_json.ts";
import { ConfigError } from "../../lib/util/errors.ts";
import { oracleJson } from "../oracle.ts";

const llama = await oracleJson<Record<string, unknown>>("A", "base_f32", "config.json");
const mistral = await oracleJson<Record<string, unknown>>("B", "base_f32", "config.json");

function without(json: Record<string, unknown>, ...fields: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(json).filter(([field]) => !fields.includes(field)));
}

Deno.test("a Llama configuration is read", () => {
  const expected: DecoderConfig = {
    architecture: "LlamaForCausalLM",
    vocabularySize: 512,
    hiddenSize: 64,
    intermediateSize: 160,
    layerCount: 3,
    headCount: 4,
    keyValueHeadCount: 4,
    headSize: 16,
    normEpsilon: 1e-5,
    ropeTheta: 10000,
    slidingWindow: null,
    tiedEmbeddings: false,
    maximumPositions: 2048,
    bosToken: 1,
    eosToken: 2,
  };
  assert.deepEqual(parseConfig(llama, "config.json"), expected);
});

Deno.test("a Mistral configuration has grouped queries and a sliding window", () => {
  const config = parseConfig(mistral, "config.json");
  assert.equal(config.architecture, "MistralForCausalLM");
  assert.deepEqual([config.headCount, config.keyValueHeadCount, config.headSize], [8, 2, 12]);
  assert.equal(config.slidingWindow, 64);
});

Deno.test("absent fields take Hugging Face's defaults", () => {
  const optional = [
    "num_key_value_heads",
    "rms_norm_eps",
    "rope_theta",
    "max_position_embeddings",
    "sliding_window",
    "tie_word_embeddings",
    "bos_token_id",
    "eos_token_id",
    "hidden_act",
  ];
  const bare = parseConfig(without(llama, ...optional), "config.json");
  assert.equal(bare.keyValueHeadCount, 4);
  assert.equal(bare.normEpsilon, 1e-6);
  assert.equal(bare.ropeTheta, 10000);
  assert.equal(bare.maximumPositions, 2048);
  assert.equal(bare.tiedEmbeddings, false);
  assert.deepEqual([bare.bosToken, bare.eosToken], [1, 2]);
  const bareMistral = parseConfig(without(mistral, ...optional), "config.json");
  assert.equal(bareMistral.keyValueHeadCount, 8);
  assert.equal(bareMistral.slidingWindow, 4096);
  assert.equal(bareMistral.maximumPositions, 131072);
});

Deno.test("fields may be null, and newer ones are understood", () => {
  const read = (fields: object) => parseConfig({ ...mistral, ...fields }, "config.json");
  assert.equal(read({ sliding_window: null }).slidingWindow, null);
  assert.equal(read({ num_attention_heads: 4, num_key_value_heads: null }).keyValueHeadCount, 4);
  assert.equal(read({ bos_token_id: null }).bosToken, null);
  assert.equal(read({ eos_token_id: [7, 8] }).eosToken, 7);
  assert.equal(read({ head_dim: 32 }).headSize, 32);
  assert.equal(read({ tie_word_embeddings: true }).tiedEmbeddings, true);
  assert.equal(read({ rope_scaling: { rope_type: "default" } }).ropeTheta, 10000);
  const newer = {
    ...without(mistral, "rope_theta"),
    rope_parameters: { rope_theta: 5e5, rope_type: "default" },
  };
  assert.equal(parseConfig(newer, "config.json").ropeTheta, 5e5);
});

/** Configurations that others write, with what transformers 5.18 makes of them. */
const alike: [name: string, fields: object][] = [
  ["no architectures", { architectures: undefined, model_type: "llama" }],
  ["null for them", { architectures: null, model_type: "llama" }],
  ["none in a list", { architectures: [], model_type: "llama" }],
  ["no type of model", { model_type: undefined }],
  ["an old name", { architectures: ["LLaMAForCausalLM"] }],
  ["linear positions by 1", { rope_scaling: { type: "linear", factor: 1 } }],
  ["linear positions by 1, newer", { rope_parameters: { rope_type: "linear", factor: 1 } }],
  ["empty positions", { rope_scaling: {}, rope_parameters: {} }],
  ["default positions, whose factor does not count", {
    rope_scaling: { type: "default", factor: 8 },
  }],
  ["θ twice, the same", { rope_theta: 1e4, rope_parameters: { rope_theta: 1e4 } }],
  ["positions of whole heads", { partial_rotary_factor: 1 }],
  ["what it does not use", { use_sliding_window: false, max_window_layers: 3 }],
  ["layers of one type", { layer_types: ["full_attention", "full_attention", "full_attention"] }],
  ["silu by its other name", { hidden_act: "swish" }],
  ["nothing in place of what is not supported", { text_config: null, quantization_config: null }],
];
for (const [name, fields] of alike) {
  Deno.test(`a configuration with ${name} is the same`, () => {
    const expected = parseConfig(llama, "config.json");
    assert.deepEqual(parseConfig({ ...llama, ...fields }, "config.json"), expected);
  });
}

Deno.test("θ counts wherever it alone is", () => {
  const rest = without(llama, "rope_theta");
  for (const field of ["rope_parameters", "rope_scaling"]) {
    const json = { ...rest, [field]: { rope_theta: 5e5, rope_type: "default" } };
    assert.equal(parseConfig(json, "config.json").ropeTheta, 5e5, field);
  }
});

Deno.test("θ in rope_parameters counts beside a rope_scaling that changes nothing of it", () => {
  const read = (fields: object) =>
    parseConfig({ ...without(llama, "rope_theta"), ...fields }, "config.json").ropeTheta;
  const parameters = { rope_theta: 5e5, rope_type: "default" };
  assert.equal(read({ rope_parameters: parameters, rope_scaling: null }), 5e5);
  assert.equal(read({ rope_parameters: parameters, rope_scaling: {} }), 5e5);
  assert.equal(read({ rope_parameters: parameters, rope_scaling: parameters }), 5e5);
  const linear = { type: "linear", factor: 1 };
  assert.equal(read({ rope_theta: 5e5, rope_parameters: parameters, rope_scaling: linear }), 5e5);
  assert.equal(read({ rope_parameters: { rope_theta: 1e4 }, rope_scaling: linear }), 1e4);
});

Deno.test("a negative token is none, and of no end tokens none is the first", () => {
  const tokens = (fields: object) => {
    const { bosToken, eosToken } = parseConfig({ ...llama, ...fields }, "config.json");
    return [bosToken, eosToken];
  };
  assert.deepEqual(tokens({ bos_token_id: -1 }), [null, 2]);
  for (const eos_token_id of [-1, []]) assert.deepEqual(tokens({ eos_token_id }), [1, null]);
  assert.deepEqual(tokens({ eos_token_id: [-1, 7] }), [1, 7]);
  assert.deepEqual(tokens({ bos_token_id: 0, eos_token_id: [0] }), [0, 0]);
});

Deno.test("a window that all fields agree on is one", () => {
  const fields = { use_sliding_window: true, layer_types: ["sliding_attention"] };
  assert.equal(parseConfig({ ...mistral, ...fields }, "config.json").slidingWindow, 64);
});

Deno.test("a Llama configuration ignores a sliding window, as Llama does", () => {
  for (const sliding_window of [16, 0, -1]) {
    assert.equal(parseConfig({ ...llama, sliding_window }, "config.json").slidingWindow, null);
  }
});

Deno.test("what configToJson writes reads back the same", () => {
  for (const json of [llama, mistral, { ...mistral, sliding_window: null, head_dim: 20 }]) {
    const config = parseConfig(json, "config.json");
    assert.deepEqual(parseConfig(configToJson(config), "config.json"), config);
  }
});

const unsupported: [name: string, fields: object, message: RegExp][] = [
  ["another architecture", { architectures: ["GPT2LMHeadModel"] }, /architectures.*GPT2.*Llama/],
  [
    "no architecture",
    { architectures: undefined, model_type: undefined },
    /'architectures'.*got 'nothing'.*LlamaForCausalLM.*model_type of llama/,
  ],
  [
    "another type of model",
    { architectures: null, model_type: "qwen2_moe" },
    /'model_type'.*for want of mixtures of experts.*'qwen2_moe'/,
  ],
  ["two architectures", {
    architectures: ["LlamaForCausalLM", "MistralForCausalLM"],
  }, /'architectures'.*got 'MistralForCausalLM'; expected only LlamaForCausalLM/],
  [
    "an architecture and another type of model",
    { model_type: "mistral" },
    /'model_type': contradicts.*got 'mistral'; expected .* LlamaForCausalLM/,
  ],
  ["another activation", { hidden_act: "gelu" }, /'hidden_act'.*got 'gelu'.*"silu"/],
  [
    "scaled positions without a factor",
    { rope_parameters: { rope_type: "linear" } },
    /'rope_parameters.factor': does not scale.*got 'nothing'; expected a number/,
  ],
  [
    "a factor of positions without a type",
    { rope_scaling: { factor: 4 } },
    /'rope_scaling.factor': scales.*got 4; expected 1/,
  ],
  [
    "two types of positions",
    { rope_scaling: { rope_type: "default", type: "linear", factor: 8 } },
    /'rope_scaling.type': contradicts.*got 'linear'; expected default, as in rope_scaling.rope/,
  ],
  [
    "positions for each type of layer",
    { rope_parameters: { full_attention: { rope_theta: 1e4 } } },
    /'rope_parameters.full_attention'.*got \{rope_theta: 10000\}.*one set of positions/,
  ],
  ["positions of a part of a head", { partial_rotary_factor: 0.5 }, /'partial_rot.*got 0.5.* 1$/],
  [
    "positions of a part of a head, said elsewhere",
    { rope_parameters: { partial_rotary_factor: 0.25 } },
    /'rope_parameters.partial_rotary_factor'.*got 0.25; expected 1/,
  ],
  [
    "two θ",
    { rope_theta: 1e4, rope_parameters: { rope_theta: 5e5 } },
    /'rope_parameters.rope_theta': contradicts.*got 500000; expected 10000, as in rope_theta/,
  ],
  [
    "two θ, the second in rope_scaling",
    { rope_theta: 1e4, rope_scaling: { rope_theta: 5e5, rope_type: "default" } },
    /'rope_scaling.rope_theta': contradicts.*got 500000; expected 10000, as in rope_theta/,
  ],
  [
    "two θ, neither at the top",
    {
      rope_theta: null,
      rope_parameters: { rope_theta: 1e6 },
      rope_scaling: { rope_theta: 5e5 },
    },
    /'rope_scaling.rope_theta'.*got 500000; expected 1000000, as in rope_parameters.rope_theta/,
  ],
  ...[{ rope_type: "default" }, { type: "linear", factor: 1 }].map((rope_scaling) =>
    [
      `θ in rope_parameters beside rope_scaling of type ${Object.values(rope_scaling)[0]}`,
      { rope_theta: undefined, rope_parameters: { rope_theta: 5e5 }, rope_scaling },
      /'rope_parameters.rope_theta'.*got 500000; expected 10000, or no rope_scaling/,
    ] as [string, object, RegExp]
  ),
  ["a window that a Llama has not", { use_sliding_window: true }, /'use_sliding_window'.*got true/],
  [
    "layers with a window in a Llama",
    { sliding_window: 8, layer_types: ["full_attention", "sliding_attention"] },
    /'layer_types'.*got 'sliding_attention'; expected only full_attention, as in any Llama/,
  ],
  [
    "a window that is not used",
    { ...mistral, use_sliding_window: false },
    /'use_sliding_window'.*got false; expected true, as sliding_window is 64/,
  ],
  [
    "a window that is used and not there",
    { ...mistral, sliding_window: null, use_sliding_window: true },
    /'use_sliding_window'.*got true; expected false, as sliding_window is null/,
  ],
  [
    "windows on every other layer",
    { ...mistral, layer_types: ["sliding_attention", "full_attention"] },
    /'layer_types'.*got 'full_attention'; expected only sliding_attention, as sliding_window is 64/,
  ],
  [
    "a window by default and layers without",
    { ...mistral, sliding_window: undefined, layer_types: ["full_attention"] },
    /'layer_types'.*as sliding_window is 4096/,
  ],
  ["a model within", { text_config: { hidden_size: 64 } }, /'text_config'.*not part of another/],
  [
    "quantised weights",
    { quantization_config: { quant_method: "gptq", bits: 4 } },
    /'quantization_config'.*got \{quant_method: 'gptq', bits: 4\}; expected weights that are not/,
  ],
  ["weights compressed elsewhere", { compression_config: {} }, /'compression_config'.*not quant/],
  [
    "a window beyond all types",
    { ...mistral, sliding_window: 2 ** 31 },
    /'sliding_window'.*got 2147483648/,
  ],
  ["a window of nothing", { ...mistral, sliding_window: 0 }, /'sliding_window'.*got 0.*or null/],
  ["a size beyond all types", { vocab_size: 2 ** 31 }, /'vocab_size'.*got 2147483648/],
  [
    "biases that no Mistral has",
    { ...mistral, attention_bias: true },
    /'attention_bias': asks for biases that no MistralForCausalLM has: got true; expected false/,
  ],
  ["biases as text", { mlp_bias: "yes" }, /'mlp_bias'.*got 'yes'/],
  [
    "soft-capped scores",
    { attn_logit_softcapping: 50 },
    /'attn_logit_softcapping'.*got 50.*without/,
  ],
  ["experts", { num_local_experts: 8 }, /'num_local_experts'.*got 8.*no experts/],
  ["a size as text", { hidden_size: "64" }, /'hidden_size'.*got '64'.*number/],
  ["a size with a fraction", { hidden_size: 64.5 }, /'hidden_size'.*got 64.5; expected a whole n/],
  ["θ beyond all numbers", { rope_theta: Infinity }, /'rope_theta'.*got Inf.*a finite number/],
  ["a negative size", { vocab_size: -3 }, /'vocab_size'.*got -3.*>=1/],
  ["no layers", { num_hidden_layers: 0 }, /'num_hidden_layers'.*got 0/],
  ["a missing size", { intermediate_size: undefined }, /'intermediate_size'.*got 'nothing'/],
  ["uneven groups", { num_key_value_heads: 3 }, /'num_key_value_heads'.*got 3.*divisor.*4/],
  ["heads of odd width", { head_dim: 5 }, /'head_dim'.*got 5.*even/],
  ["heads that do not divide", { num_attention_heads: 7, num_key_value_heads: 7 }, /'head_dim'/],
];
for (const [name, fields, message] of unsupported) {
  Deno.test(`a configuration with ${name} is refused`, () => {
    assert.throws(() => parseConfig({ ...llama, ...fields }, "some/config.json"), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      assert.match(error.message, /some\/config.json/);
      return true;
    });
  });
}

Deno.test("a configuration that is no object is refused", () => {
  for (const json of [null, 3, "text"]) assert.throws(() => parseConfig(json, "x"), ConfigError);
});
