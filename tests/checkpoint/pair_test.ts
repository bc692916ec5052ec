import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { checkPair } from "../../lib/checkpoint/pair.ts";
import { pairNotes } from "../../lib/checkpoint/pair_notes.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import { openOracleCheckpoint } from "../oracle.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

Deno.test("a base and its fine-tune match, also in different types", async () => {
  using base = await openOracleCheckpoint("B", "base", "f32");
  using fine = await openOracleCheckpoint("B", "fine", "bf16");
  checkPair(base, fine);
});

const differences: [name: string, change: Partial<DecoderConfig>, message: RegExp][] = [
  [
    "wider layers",
    { intermediateSize: 48 },
    /'intermediate_size'.*got 48; expected 40, as in '.*base/,
  ],
  ["more layers", { layerCount: 3 }, /'num_hidden_layers'.*got 3; expected 2/],
  ["other heads", { keyValueHeadCount: 2 }, /'num_key_value_heads'.*got 2; expected 1/],
  [
    "heads cut otherwise",
    { headCount: 1, headSize: 12 },
    /'num_attention_heads'.*got 1; expected 2/,
  ],
  [
    "another architecture",
    { architecture: "MistralForCausalLM" },
    /'architectures'.*Mistral.*Llama/,
  ],
];
for (const [name, change, message] of differences) {
  Deno.test(`a fine-tune with ${name} than its base is refused`, async () => {
    await using folder = await temporaryFolder();
    using base = await Checkpoint.open(await saveTiny(join(folder.path, "base")));
    const config = { ...TINY_CONFIG, ...change };
    using fine = await Checkpoint.open(await saveTiny(join(folder.path, "fine"), { config }));
    assert.throws(() => checkPair(base, fine), (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.match(error.message, message);
      assert.match(error.message, /fine\/config\.json/);
      return true;
    });
  });
}

Deno.test("what a pair differs in beside its weights is said", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(await saveTiny(join(folder.path, "base"), { dtype: "F16" }));
  using alike = await Checkpoint.open(await saveTiny(join(folder.path, "alike"), { dtype: "F16" }));
  assert.deepEqual(pairNotes(base, alike), []);
  const config = { ...TINY_CONFIG, vocabularySize: 13, tiedEmbeddings: true, ropeTheta: 5e5 };
  const directory = await saveTiny(join(folder.path, "fine"), { config, dtype: "BF16" });
  using fine = await Checkpoint.open(directory);
  assert.deepEqual(pairNotes(base, fine), [
    "The fine-tune has 13 tokens, its base 11: the fine-tune's are stored, and the base alone is compared over " +
    "the first 11.",
    "The fine-tune has its embedding for a head, its base a head of its own: the fine-tune's is stored.",
    "The fine-tune is configured otherwise, which the delta's file says: rope_theta 500000.",
    "Weights are BF16, of the base F16: differences are F32, and rounding to BF16 is part of them.",
  ]);
});
