import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { type DecoderConfig, parseConfig } from "../../lib/checkpoint/config.ts";
import {
  changedConfig,
  changesNumbers,
  configChanges,
} from "../../lib/checkpoint/config_changes.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { ConfigError, DeltaError } from "../../lib/util/errors.ts";
import { changed } from "../delta/signs_of_layers.ts";
import { extractDelta } from "../methods/extract.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

/** What `config.json` of published models says, of sizes like each other. */
const sizes = {
  vocab_size: 11,
  hidden_size: 12,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
};
const read = (json: object) => parseConfig({ ...sizes, ...json }, "config.json");
const llama = (json: object) => read({ architectures: ["LlamaForCausalLM"], ...json });
const mistral = (json: object) => read({ architectures: ["MistralForCausalLM"], ...json });
const qwen = (json: object) => read({ architectures: ["Qwen2ForCausalLM"], ...json });
const scaling = {
  ...{ rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 },
  original_max_position_embeddings: 8192,
};

const pairs: [name: string, base: DecoderConfig, fine: DecoderConfig, numbers: boolean][] = [
  ["nothing", llama({}), llama({}), false],
  ["special tokens", llama({}), llama({ bos_token_id: null, eos_token_id: [7, 8] }), false],
  ["a longer context", mistral({}), mistral({ max_position_embeddings: 32768 }), false],
  [
    "what Mistral's second instruct model changed",
    mistral({ sliding_window: 4096, rope_theta: 1e4 }),
    mistral({ sliding_window: null, rope_theta: 1e6 }),
    true,
  ],
  ["epsilon", llama({ rms_norm_eps: 1e-6 }), llama({ rms_norm_eps: 1e-5 }), true],
  [
    "scaled positions",
    llama({ rope_theta: 5e5 }),
    llama({ rope_theta: 5e5, rope_scaling: scaling }),
    true,
  ],
  ["positions no longer scaled", llama({ rope_scaling: scaling }), llama({}), true],
  [
    "windows by layer",
    qwen({}),
    qwen({ use_sliding_window: true, sliding_window: 4, max_window_layers: 1 }),
    true,
  ],
  [
    "another field for the same",
    llama({ rope_theta: 1e6, torch_dtype: "bfloat16" }),
    llama({ rope_parameters: { rope_type: "default", rope_theta: 1e6 }, dtype: "bfloat16" }),
    false,
  ],
];
for (const [name, base, fine, numbers] of pairs) {
  Deno.test(`a base is told how its fine-tune is configured: ${name}`, () => {
    // As it comes back from a file.
    const changes = JSON.parse(JSON.stringify(configChanges(base, fine)));
    assert.deepEqual(changedConfig(base, changes, "base"), fine);
    assert.equal(changesNumbers(changes), numbers);
    const isNone = Object.keys(changes).length === 0;
    assert.equal(isNone, JSON.stringify(base) === JSON.stringify(fine));
  });
}

Deno.test("sizes of vocabulary and head are told by tensors, not by settings", () => {
  const grown = llama({ vocab_size: 13, tie_word_embeddings: true });
  assert.deepEqual(configChanges(llama({}), grown), {});
});

const refused: [changes: Record<string, unknown>, message: RegExp][] = [
  [{ vocab_size: 12 }, /'config\.vocab_size': .*got 12; expected 11/],
  [{ num_attention_heads: 1, head_dim: 6 }, /'config\.num_attention_heads': .*expected 2/],
  [{ rms_norm_eps: "small" }, /'config\.rms_norm_eps': .*got 'small'/],
  [{ sliding_window: 8 }, /'config\.sliding_window': .*got 8; expected none/],
  [{ temperature: 1 }, /'config\.temperature': .*got 1; expected none/],
];
for (const [config, message] of refused) {
  Deno.test(`a delta may not change a setting of its base: ${Object.keys(config)[0]}`, async () => {
    await using folder = await temporaryFolder();
    using base = await Checkpoint.open(await saveTiny(join(folder.path, "base")));
    using fine = await Checkpoint.open(await saveTiny(join(folder.path, "fine"), { seed: 2 }));
    const delta = await extractDelta(base, fine);
    const metadata = { ...delta.metadata, config };
    await assert.rejects(applyDelta(base, changed(delta, { metadata })), (error) => {
      assert.ok(error instanceof DeltaError && error.cause instanceof ConfigError, String(error));
      assert.match(error.message, message);
      return true;
    });
    assert.deepEqual(changedConfig(TINY_CONFIG, {}, "base"), TINY_CONFIG);
  });
}
