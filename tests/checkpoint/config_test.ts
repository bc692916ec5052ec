import assert from "node:assert/strict";
import { configToJson, type DecoderConfig, parseConfig } from "../../lib/checkpoint/config.ts";
import { ConfigError } from "../../lib/errors.ts";
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
  assert.equal(read({ num_key_value_heads: null }).keyValueHeadCount, 8);
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

Deno.test("a Llama configuration ignores a sliding window, as Llama does", () => {
  assert.equal(parseConfig({ ...llama, sliding_window: 16 }, "config.json").slidingWindow, null);
});

Deno.test("what configToJson writes reads back the same", () => {
  for (const json of [llama, mistral, { ...mistral, sliding_window: null, head_dim: 20 }]) {
    const config = parseConfig(json, "config.json");
    assert.deepEqual(parseConfig(configToJson(config), "config.json"), config);
  }
});

const unsupported: [name: string, fields: object, message: RegExp][] = [
  ["another architecture", { architectures: ["GPT2LMHeadModel"] }, /architectures.*GPT2.*Llama/],
  ["no architecture", { architectures: undefined }, /'architectures'.*got 'nothing'/],
  ["another activation", { hidden_act: "gelu" }, /'hidden_act'.*got 'gelu'.*"silu"/],
  [
    "scaled positions",
    { rope_scaling: { type: "linear" } },
    /'rope_scaling.type'.*linear.*default/,
  ],
  ["Llama 3's positions", { rope_scaling: { rope_type: "llama3" } }, /rope_scaling.*llama3/],
  ["newer scaled positions", { rope_parameters: { rope_type: "yarn" } }, /rope_parameters.*yarn/],
  ["attention biases", { attention_bias: true }, /'attention_bias'.*got true.*false/],
  ["MLP biases", { mlp_bias: true }, /'mlp_bias'.*got true.*false/],
  ["a size as text", { hidden_size: "64" }, /'hidden_size'.*got '64'.*number/],
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
