/** What is read of scaled positions, in transformers 4's field and in 5's, and what is refused. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseConfig } from "../../lib/checkpoint/config.ts";
import { configToJson } from "../../lib/checkpoint/config_to_json.ts";
import { rotaryFrequencies } from "../../lib/checkpoint/rotary_frequencies.ts";
import { ConfigError } from "../../lib/util/errors.ts";

type Json = Record<string, unknown>;

const llama: Json = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 32,
  hidden_size: 64,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  max_position_embeddings: 4096,
};

const scalingOf = (fields: Json) => parseConfig({ ...llama, ...fields }, "config.json").ropeScaling;

/** Parameters as they are written, and as they are read. */
const kinds: Record<string, [written: Json, read: Json]> = {
  linear: [{ factor: 2.5 }, { factor: 2.5 }],
  dynamic: [{ factor: 2 }, { factor: 2, originalPositions: 4096 }],
  llama3: [
    { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 1024 },
    { factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalPositions: 1024 },
  ],
  yarn: [
    {
      factor: 4,
      original_max_position_embeddings: 1024,
      beta_fast: 16,
      beta_slow: 2,
      truncate: false,
      attention_factor: 1.5,
    },
    {
      factor: 4,
      originalPositions: 1024,
      attentionFactor: 1.5,
      betaFast: 16,
      betaSlow: 2,
      truncate: false,
    },
  ],
};

for (const [type, [written, read]] of Object.entries(kinds)) {
  Deno.test(`positions of type ${type} are read alike wherever they stand`, () => {
    const expected = { type, ...read };
    assert.deepEqual(scalingOf({ rope_scaling: { type, ...written } }), expected);
    assert.deepEqual(scalingOf({ rope_scaling: { rope_type: type, type, ...written } }), expected);
    const newer = { rope_type: type, rope_theta: 5e5, ...written };
    assert.deepEqual(scalingOf({ rope_parameters: newer }), expected);
    assert.deepEqual(scalingOf({ rope_parameters: newer, rope_scaling: newer }), expected);
    const both = { rope_scaling: { type, ...written }, rope_parameters: { rope_theta: 1e4 } };
    assert.deepEqual(scalingOf(both), expected);
  });
}

Deno.test("absent parameters take the reference's defaults", () => {
  const yarn = scalingOf({ rope_scaling: { type: "yarn", factor: 4 } });
  assert.deepEqual(yarn, {
    type: "yarn",
    factor: 4,
    originalPositions: 4096,
    attentionFactor: 0.1 * Math.log(4) + 1,
    betaFast: 32,
    betaSlow: 1,
    truncate: true,
  });
  const unset = { attention_factor: null, beta_fast: 0, beta_slow: null };
  assert.deepEqual(scalingOf({ rope_scaling: { type: "yarn", factor: 4, ...unset } }), yarn);
  const { originalPositions } = scalingOf({
    rope_scaling: { type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
  }) as { originalPositions: number };
  assert.equal(originalPositions, 4096);
  const outside = scalingOf({
    rope_scaling: { type: "yarn", factor: 4 },
    original_max_position_embeddings: 512,
  });
  assert.deepEqual(outside, { ...yarn, originalPositions: 512 });
  const ratio = { type: "yarn", factor: null, original_max_position_embeddings: 1024 };
  assert.deepEqual(scalingOf({ rope_scaling: ratio }), { ...yarn, originalPositions: 1024 });
});

Deno.test("yarn's factor is the one that is given, whatever the lengths", () => {
  // As Qwen's model cards have it: max_position_embeddings stays what it was before.
  const json = { type: "yarn", factor: 4, original_max_position_embeddings: 4096 };
  const scaling = scalingOf({ rope_scaling: json });
  assert.ok(scaling?.type === "yarn" && scaling.factor === 4);
});

Deno.test("DeepSeek's two mscales give the ratio of two attention factors", () => {
  const scaling = scalingOf({
    rope_scaling: { type: "yarn", factor: 40, mscale: 1, mscale_all_dim: 0.5 },
  });
  assert.ok(scaling?.type === "yarn");
  const expected = (0.1 * Math.log(40) + 1) / (0.05 * Math.log(40) + 1);
  assert.ok(Math.abs(scaling.attentionFactor - expected) < 1e-15);
});

Deno.test("positions that are not scaled leave no field", () => {
  for (const rope_scaling of [null, {}, { rope_type: "default" }, { type: "linear", factor: 1 }]) {
    const config = parseConfig({ ...llama, rope_scaling }, "config.json");
    assert.ok(!("ropeScaling" in config));
  }
});

const refused: [name: string, fields: Json, message: RegExp][] = [
  [
    "longrope",
    { rope_scaling: { type: "longrope", short_factor: [], long_factor: [] } },
    /'rope_scaling.type': .*there are no factors of each frequency, other.*got 'longrope'; expected default, linear, dynamic, llama3 or yarn/,
  ],
  [
    "proportional",
    { rope_parameters: { rope_type: "proportional" } },
    /'rope_parameters.rope_type'.*only some frequencies turn/,
  ],
  [
    "a type that nobody knows",
    { rope_scaling: { rope_type: "nobody" } },
    /'rope_scaling.rope_type'.*in a way.*got 'nobody'/,
  ],
  [
    "a factor below 1",
    { rope_scaling: { type: "linear", factor: 0.5 } },
    /'rope_scaling.factor'.*got 0.5; expected a number of at least 1/,
  ],
  [
    "a factor as text",
    { rope_scaling: { type: "linear", factor: "2" } },
    /'rope_scaling.factor'.*got '2'/,
  ],
  ["llama3 without its low factor", {
    rope_scaling: { type: "llama3", factor: 8, high_freq_factor: 4 },
  }, /'rope_scaling.low_freq_factor'.*got 'nothing'/],
  ["llama3 whose factors are turned round", {
    rope_scaling: { type: "llama3", factor: 8, low_freq_factor: 4, high_freq_factor: 4 },
  }, /'rope_scaling.high_freq_factor'.*got 4; expected more than 4/],
  [
    "yarn without a factor",
    { rope_scaling: { type: "yarn" } },
    /'rope_scaling.factor'.*got 'nothing'/,
  ],
  ["yarn whose betas are turned round", {
    rope_scaling: { type: "yarn", factor: 2, beta_fast: 1, beta_slow: 2 },
  }, /'rope_scaling.beta_fast'.*got 1; expected at least 2/],
  ["a negative attention factor", {
    rope_scaling: { type: "yarn", factor: 2, attention_factor: -1 },
  }, /'rope_scaling.attention_factor'.*got -1/],
  [
    "yarn on a base of 1",
    { rope_theta: 1, rope_scaling: { type: "yarn", factor: 2 } },
    /'rope_theta'.*got 1; expected more than 1/,
  ],
  [
    "dynamic on heads of two",
    { hidden_size: 4, rope_scaling: { type: "dynamic", factor: 2 } },
    /'head_dim'.*got 2; expected 4 or more/,
  ],
  ["dynamic from another length", {
    rope_scaling: { type: "dynamic", factor: 2, original_max_position_embeddings: 2048 },
  }, /'rope_scaling.original_max_position_embeddings': contradicts.*got 2048; expected 4096/],
  ["two original lengths", {
    original_max_position_embeddings: 512,
    rope_scaling: { type: "yarn", factor: 2, original_max_position_embeddings: 1024 },
  }, /'rope_scaling.original_max_position_embeddings': contradicts.*got 1024; expected 512/],
  ["two factors", {
    rope_scaling: { type: "linear", factor: 2 },
    rope_parameters: { rope_type: "linear", factor: 4 },
  }, /'rope_parameters': contradicts.*factor: 4/],
  [
    "two types in two places",
    {
      rope_scaling: { type: "linear", factor: 2 },
      rope_parameters: { rope_type: "dynamic", factor: 2 },
    },
    /'rope_parameters.rope_type': contradicts.*got 'dynamic'; expected what rope_scaling says, linear/,
  ],
  [
    "a scaling beside one without a type",
    { rope_scaling: { rope_theta: 1e4 }, rope_parameters: { rope_type: "linear", factor: 4 } },
    /'rope_parameters.rope_type': contradicts.*got 'linear'; expected what rope_scaling says, no type/,
  ],
];
for (const [name, fields, message] of refused) {
  Deno.test(`${name}: refused with the field, its value and what was expected`, () => {
    assert.throws(() => scalingOf(fields), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("whatever parameters say, they are refused or give finite frequencies, and are written as they were read", () => {
  const number = fc.constantFrom(
    null,
    -1,
    0,
    1e-9,
    0.5,
    1,
    1.5,
    2,
    4,
    32,
    4096,
    1e9,
    1e300,
    "4",
    [],
    true,
  );
  const group = fc.record({
    rope_type: fc.constantFrom(
      "default",
      "linear",
      "dynamic",
      "llama3",
      "yarn",
      "longrope",
      "",
      null,
    ),
    type: fc.constantFrom("linear", "dynamic", "llama3", "yarn", null),
    rope_theta: number,
    factor: number,
    low_freq_factor: number,
    high_freq_factor: number,
    original_max_position_embeddings: number,
    attention_factor: number,
    beta_fast: number,
    beta_slow: number,
    mscale: number,
    mscale_all_dim: number,
    truncate: fc.constantFrom(null, true, false),
  }, { requiredKeys: [] });
  const type = fc.constantFrom("linear", "dynamic", "llama3", "yarn");
  const all = fc.record({
    // Most of what is arbitrary alone would be refused.
    rope_scaling: fc.oneof(
      group,
      fc.tuple(type, group).map(([type, { rope_type: _, ...rest }]) => ({
        factor: 4,
        low_freq_factor: 1,
        high_freq_factor: 4,
        ...Object.fromEntries(
          Object.entries(rest).filter(([, value]) => typeof value !== "string"),
        ),
        type,
      })),
    ),
    rope_parameters: fc.constantFrom(undefined, null, {}),
    rope_theta: fc.constantFrom(undefined, 1, 1.5, 1e4, 1e9),
    head_dim: fc.constantFrom(undefined, 2, 4, 6, 128),
    max_position_embeddings: fc.constantFrom(1, 7, 4096),
  }, { requiredKeys: [] });
  let read = 0;
  fc.assert(
    fc.property(all, (fields) => {
      let config;
      try {
        config = parseConfig({ ...llama, ...fields }, "config.json");
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
        return;
      }
      read++;
      for (const sequence of [1, 8, 5000]) {
        const { frequencies, attentionFactor } = rotaryFrequencies(config, sequence);
        assert.ok(
          frequencies.every((each) => Number.isFinite(each) && each >= 0),
          `${frequencies}`,
        );
        assert.ok(Number.isFinite(Math.fround(attentionFactor)) && attentionFactor > 0);
      }
      assert.deepEqual(parseConfig(configToJson(config), "config.json"), config);
    }),
    { numRuns: 5000, seed: 1 },
  );
  assert.ok(read > 500, `${read} were read`);
});
