import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { tensorNames } from "../../lib/checkpoint/weights.ts";
import { CheckpointError, ConfigError, SafetensorsError } from "../../lib/errors.ts";
import { openOracleCheckpoint, ORACLE_PAIRS, oraclePath } from "../oracle.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

type Named = { name: string } & RawTensor;

async function tensorsOf(path: string): Promise<Named[]> {
  using file = await SafetensorsFile.open(path);
  return await Promise.all(
    [...file.tensors.keys()].map(async (name) => ({ name, ...await file.read(name) })),
  );
}

/** Replaces the one file of a folder by two shards and their index. */
async function splitIntoShards(directory: string): Promise<void> {
  const whole = join(directory, "model.safetensors");
  const tensors = await tensorsOf(whole);
  const weightMap: Record<string, string> = {};
  for (const shard of [1, 2]) {
    const file = `model-0000${shard}-of-00002.safetensors`;
    const part = tensors.filter((_, i) => i % 2 === shard - 1);
    await writeSafetensors(join(directory, file), part);
    for (const { name } of part) weightMap[name] = file;
  }
  const index = JSON.stringify({ metadata: {}, weight_map: weightMap });
  await Deno.writeTextFile(join(directory, "model.safetensors.index.json"), index);
  await Deno.remove(whole);
}

async function rewrite(directory: string, change: (tensors: Named[]) => Named[]): Promise<void> {
  const path = join(directory, "model.safetensors");
  await writeSafetensors(path, change(await tensorsOf(path)));
}

async function assertRefused(
  opening: Promise<Checkpoint>,
  kind: new (...parts: never[]) => Error,
  message: RegExp,
): Promise<void> {
  await assert.rejects(async () => (await opening).close(), (error) => {
    assert.ok(error instanceof kind, String(error));
    assert.match(error.message, message);
    return true;
  });
}

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
  assert.match(original, /^[0-9a-f]{64}$/);
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

Deno.test("an index that does not match its shards is refused", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await splitIntoShards(folder.path);
  const indexPath = join(folder.path, "model.safetensors.index.json");
  const index = JSON.parse(await Deno.readTextFile(indexPath));
  const write = (weightMap: unknown) =>
    Deno.writeTextFile(indexPath, JSON.stringify({ weight_map: weightMap }));
  const [first, second] = [...new Set(Object.values<string>(index.weight_map))];

  const swapped = Object.fromEntries(
    Object.entries(index.weight_map).map(([name, file]) => [name, file === first ? second : first]),
  );
  await write(swapped);
  const mismatch = /model-0000.*is not in the shard that 'model\.safetensors\.index\.json' names/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, mismatch);

  await write({ ...index.weight_map, "model.norm.weight": "../elsewhere.safetensors" });
  const stray = /index cannot be read.*'\.\.\/elsewhere\.safetensors' lies in another folder/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, stray);

  await write("not a map");
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, /weight_map/);

  await write(index.weight_map);
  await Deno.remove(join(folder.path, second));
  await assertRefused(Checkpoint.open(folder.path), SafetensorsError, /model-00002-of-00002/);
});
