import assert from "node:assert/strict";
import { join } from "node:path";
import { Blake3, digestOf } from "../../lib/checkpoint/blake3.ts";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";
import { CheckpointError, ConfigError } from "../../lib/util/errors.ts";
import { openOracleCheckpoint, ORACLE_PAIRS, oraclePath } from "../oracle.ts";
import { assertRefused, rewrite, splitIntoShards } from "./changed_folder.ts";
import { chainedHash, sha256, treeHash } from "./old_hashes.ts";
import { assertReadOnce, dataReads } from "./data_reads.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

Deno.test("the oracle's checkpoints open, in both types, with the same values up to rounding", async () => {
  for (const pair of ORACLE_PAIRS) {
    using f32 = await openOracleCheckpoint(pair, "fine", "f32");
    using bf16 = await openOracleCheckpoint(pair, "fine", "bf16");
    assert.equal(f32.name, "fine_f32");
    for (const tensor of tensorNames(f32.config)) {
      const exact = await f32.readFloat32(tensor);
      const rounded = await bf16.readFloat32(tensor);
      exact.forEach((value, i) =>
        assert.ok(Math.abs(rounded[i] - value) <= Math.abs(value) * 2 ** -8, `${tensor} ${i}`)
      );
    }
    assert.equal(bf16.info("model.norm.weight").dtype, "BF16");
  }
});

Deno.test("tied embeddings answer for the head", async () => {
  await using folder = await temporaryFolder();
  const config = { ...TINY_CONFIG, tiedEmbeddings: true };
  using checkpoint = await Checkpoint.open(await saveTiny(folder.path, { config }));
  assert.ok(checkpoint.has("lm_head.weight"));
  assert.ok(!checkpoint.has("model.nonsense"));
  assert.deepEqual(
    await checkpoint.readFloat32("lm_head.weight"),
    await checkpoint.readFloat32("model.embed_tokens.weight"),
  );
});

Deno.test("without a head, and nothing said of ties, the message says of both", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await rewrite(folder.path, (tensors) => tensors.filter(({ name }) => name !== "lm_head.weight"));
  const path = join(folder.path, "config.json");
  const { tie_word_embeddings: _, ...config } = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify(config));
  const message = /'lm_head\.weight': is missing; expected a head.*or tie_word_embeddings: true/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});

Deno.test("shards and one file hold the same checkpoint, with the same hash", async () => {
  await using folder = await temporaryFolder();
  using before = await Checkpoint.open(await saveTiny(folder.path));
  const hash = await before.hash();
  const values = await before.readFloat32("model.layers.1.mlp.up_proj.weight");
  await splitIntoShards(folder.path);
  using after = await Checkpoint.open(folder.path);
  assert.deepEqual(await after.readFloat32("model.layers.1.mlp.up_proj.weight"), values);
  assert.equal(await after.hash(), hash);
});

Deno.test("the hash changes with any byte of any tensor, with the configuration, and with nothing else", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "model.safetensors");
  const hash = async () => {
    using checkpoint = await Checkpoint.open(folder.path);
    return await checkpoint.hash();
  };
  await saveTiny(folder.path);
  const original = await hash();
  assert.match(original, /^blake3:[0-9a-f]{64}$/);
  const bytes = await Deno.readFile(path);
  const dataStart = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const seen = new Set([original]);
  for (const offset of [dataStart, (dataStart + bytes.length) >> 1, bytes.length - 1]) {
    const changed = bytes.slice();
    changed[offset] ^= 1;
    await Deno.writeFile(path, changed);
    seen.add(await hash());
  }
  await saveTiny(folder.path, { config: { ...TINY_CONFIG, ropeTheta: 20000 } });
  seen.add(await hash());
  assert.equal(seen.size, 5);
  await saveTiny(folder.path);
  const spare = {
    name: "model.rotary.inv_freq",
    dtype: "F64",
    shape: [],
    bytes: new Uint8Array(8),
  } as const;
  await rewrite(folder.path, (tensors) => [...tensors, spare]);
  assert.equal(await hash(), original);
});

Deno.test("a weight that is NaN or infinite is named with its element", async () => {
  await using folder = await temporaryFolder();
  const tensor = "model.layers.1.mlp.down_proj.weight";
  for (const value of [NaN, Infinity, -Infinity]) {
    const change = (name: string, values: Float32Array) => {
      if (name === tensor) values[17] = value;
    };
    using checkpoint = await Checkpoint.open(
      await saveTiny(folder.path, { dtype: "BF16", change }),
    );
    await assert.rejects(checkpoint.readFloat32(tensor), (error) => {
      assert.ok(error instanceof CheckpointError);
      assert.ok(
        error.message.includes(`tensor '${tensor}': element 17 is not finite: got ${value}`),
      );
      assert.match(error.message, /model\.safetensors/);
      return true;
    });
    await checkpoint.readFloat32("model.norm.weight");
  }
});

Deno.test("a folder without configuration or without weights is refused", async () => {
  await using folder = await temporaryFolder();
  await assertRefused(Checkpoint.open(folder.path), ConfigError, /config\.json.*cannot be read/);
  await Deno.writeTextFile(join(folder.path, "config.json"), "{");
  await assertRefused(Checkpoint.open(folder.path), ConfigError, /config\.json.*cannot be read/);
  await Deno.copyFile(oraclePath("A", "base_f32", "config.json"), join(folder.path, "config.json"));
  await assertRefused(
    Checkpoint.open(folder.path),
    CheckpointError,
    /holds no weights.*index\.json/,
  );
});

Deno.test("a missing tensor is named", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await rewrite(folder.path, (all) => all.filter(({ name }) => !name.includes("1.mlp.gate_proj")));
  const message = /'model\.layers\.1\.mlp\.gate_proj\.weight': is missing.*2 layers/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});

Deno.test("a tensor of another shape than the configuration says is named, with both", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  const json = JSON.parse(await Deno.readTextFile(join(folder.path, "config.json")));
  json.vocab_size = 13;
  await Deno.writeTextFile(join(folder.path, "config.json"), JSON.stringify(json));
  const message =
    /'model\.embed_tokens\.weight'.*another shape.*got \[11, 12\]; expected \[13, 12\]/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});

Deno.test("a tensor of integers is refused", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await rewrite(
    folder.path,
    (all) =>
      all.map((tensor) =>
        tensor.name === "model.norm.weight" ? { ...tensor, dtype: "I32" } : tensor
      ),
  );
  const message = /'model\.norm\.weight'.*got 'I32'; expected F32, F16 or BF16/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});

Deno.test("a tensor that is asked for and not there is named", async () => {
  using checkpoint = await openOracleCheckpoint("A", "base", "f32");
  await assert.rejects(
    checkpoint.readFloat32("model.layers.9.mlp.up_proj.weight"),
    CheckpointError,
  );
  assert.throws(() => checkpoint.info("model.nonsense"), /'model\.nonsense': is missing/);
});

const claims: [name: string, fields: object, message: RegExp][] = [
  ["layers", { num_hidden_layers: 2e9 }, /'model\.layers\.2\..*is missing.*with 2000000000 layers/],
  [
    "tokens",
    { vocab_size: 2e9 },
    /'model\.embed_tokens.*got \[11, 12\]; expected \[2000000000, 12\]/,
  ],
  ["width", { hidden_size: 2e9, head_dim: 6 }, /another shape.*expected \[11, 2000000000\]/],
  [
    "heads",
    { num_attention_heads: 2e9, num_key_value_heads: 2e9 },
    /'model\.layers\.0\.self_attn\.q_proj.*expected \[12000000000, 12\]/,
  ],
  [
    "inner width",
    { intermediate_size: 2e9 },
    /'model\.layers\.0\.mlp\.gate_proj.*\[2000000000, 12\]/,
  ],
];
for (const [name, fields, message] of claims) {
  Deno.test(`a configuration of far more ${name} than the files hold is refused by the files`, async () => {
    await using folder = await temporaryFolder();
    await saveTiny(folder.path);
    const path = join(folder.path, "config.json");
    const json = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...json, ...fields }));
    // Names of a gigabyte and more: where they are made at all, this ends the process.
    await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
  });
}

Deno.test("a config.json that is no longer one is not read into memory", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  const path = join(folder.path, "config.json");
  await Deno.truncate(path, 2 ** 36);
  const message = /config\.json': is longer than 1000000 bytes: got '68719476736 bytes'/;
  await assertRefused(Checkpoint.open(folder.path), ConfigError, message);
});

Deno.test("the hash is the documented one, and what was read for it before is not read again", async () => {
  await using folder = await temporaryFolder();
  using checkpoint = await Checkpoint.open(await saveTiny(folder.path, { dtype: "BF16" }));
  const names = tensorNames(checkpoint.config).sort();
  const pairs = await Promise.all(names.map(async (name) => {
    const { dtype, shape, bytes } = await checkpoint.read(name);
    return [name, dtype, shape, new Blake3().update(bytes).digest()];
  }));
  const root = digestOf(JSON.stringify(checkpoint.config) + JSON.stringify(pairs));
  const noted = names.slice(0, 5);
  const path = join(folder.path, "model.safetensors");
  const reads = await dataReads(async () => {
    for (const name of noted) await checkpoint.readDigested(name);
    assert.equal(await checkpoint.hash(), root);
    assert.equal(await checkpoint.hash(), root);
  });
  await assertReadOnce(path, reads);
});

Deno.test("a checkpoint goes by its hash and by those of earlier versions, in a tree and in one chain", async () => {
  await using folder = await temporaryFolder();
  using checkpoint = await Checkpoint.open(await saveTiny(folder.path));
  const chained = await chainedHash(checkpoint);
  const hash = await checkpoint.hash();
  for (const each of [chained, await treeHash(checkpoint), hash]) {
    assert.ok(await checkpoint.isNamedBy(each));
  }
  for (const each of [sha256(chained), hash.replace("blake3:", ""), digestOf("")]) {
    assert.ok(!await checkpoint.isNamedBy(each));
  }
});
