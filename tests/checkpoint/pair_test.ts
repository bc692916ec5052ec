import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { checkPair } from "../../lib/checkpoint/pair.ts";
import { CheckpointError } from "../../lib/util/errors.ts";
import { openOracleCheckpoint } from "../oracle.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

Deno.test("a base and its fine-tune match, also in different types", async () => {
  using base = await openOracleCheckpoint("B", "base", "f32");
  using fine = await openOracleCheckpoint("B", "fine", "bf16");
  checkPair(base, fine);
});

const differences: [name: string, change: Partial<DecoderConfig>, message: RegExp][] = [
  ["more tokens", { vocabularySize: 12 }, /'vocab_size'.*got 12; expected 11, as in '.*base/],
  ["wider layers", { intermediateSize: 48 }, /'intermediate_size'.*got 48; expected 40/],
  ["more layers", { layerCount: 3 }, /'num_hidden_layers'.*got 3; expected 2/],
  ["other heads", { keyValueHeadCount: 2 }, /'num_key_value_heads'.*got 2; expected 1/],
  ["another epsilon", { normEpsilon: 1e-6 }, /'rms_norm_eps'.*got 0.000001; expected 0.00001/],
  ["other positions", { ropeTheta: 1e6 }, /'rope_theta'.*got 1000000; expected 10000/],
  [
    "a head of its own",
    { tiedEmbeddings: true },
    /'tie_word_embeddings'.*got true; expected false/,
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

Deno.test("a fine-tune with another window than its base is refused", async () => {
  await using folder = await temporaryFolder();
  const save = (name: string, slidingWindow: number | null) => {
    const config = { ...TINY_CONFIG, architecture: "MistralForCausalLM", slidingWindow } as const;
    return saveTiny(join(folder.path, name), { config });
  };
  using base = await Checkpoint.open(await save("base", 16));
  for (const [name, window] of [["narrower", 8], ["none", null]] as const) {
    using fine = await Checkpoint.open(await save(name, window));
    const message = new RegExp(`'sliding_window': differs.*got ${window}; expected 16`);
    assert.throws(() => checkPair(base, fine), message);
  }
});

Deno.test("a fine-tune with a head of its own is refused where its base ties it", async () => {
  await using folder = await temporaryFolder();
  const config = { ...TINY_CONFIG, tiedEmbeddings: true };
  using base = await Checkpoint.open(await saveTiny(join(folder.path, "base"), { config }));
  using fine = await Checkpoint.open(await saveTiny(join(folder.path, "fine")));
  const message = /fine.config\.json', option 'tie_word_embeddings': .*got false; expected true/;
  assert.throws(() => checkPair(base, fine), message);
});

Deno.test("a longer context or other special tokens do not part a pair", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(await saveTiny(join(folder.path, "base")));
  const config = { ...TINY_CONFIG, maximumPositions: 128, eosToken: 3 };
  using fine = await Checkpoint.open(await saveTiny(join(folder.path, "fine"), { config }));
  checkPair(base, fine);
});
