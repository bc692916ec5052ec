import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { CheckpointError, InputError, SafetensorsError } from "../../lib/util/errors.ts";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { assertRefused, renameType, splitIntoShards, tensorsOf } from "./changed_folder.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "./tiny_checkpoint.ts";

const NORM = "model.norm.weight";
const [WHOLE, INDEX] = ["model.safetensors", "model.safetensors.index.json"];
const SHARDS = [1, 2].map((shard) => `model-0000${shard}-of-00002.safetensors`);

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

  for (const places of ["not a map", null, undefined, [first], { [NORM]: 1 }, { [NORM]: null }]) {
    await write(places);
    const message = /index cannot be read: got 'weight_map is no object of texts'/;
    await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
  }
  for (const json of ["null", "[]", "3"]) {
    await Deno.writeTextFile(indexPath, json);
    await assertRefused(Checkpoint.open(folder.path), CheckpointError, /weight_map is no object/);
  }
  await Deno.writeTextFile(indexPath, "{}".padEnd(4_000_001));
  const long = /index\.json': is longer than 4000000 bytes/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, long);

  await write(index.weight_map);
  await Deno.remove(join(folder.path, second));
  await assertRefused(Checkpoint.open(folder.path), SafetensorsError, /model-00002-of-00002/);
});

/** A checkpoint in shards, whose one file is still there. */
async function wholeAndShards(directory: string): Promise<void> {
  await saveTiny(directory);
  const whole = await Deno.readFile(join(directory, WHOLE));
  await splitIntoShards(directory);
  await Deno.writeFile(join(directory, WHOLE), whole);
}

/** Doubles a norm in each file that holds it and is named here. */
async function doubleNorm(directory: string, files: readonly string[]): Promise<void> {
  for (const name of files) {
    const path = join(directory, name);
    const tensors = (await tensorsOf(path)).map((tensor) => {
      if (tensor.name !== NORM) return tensor;
      const doubled = new Float32Array(tensor.bytes.slice().buffer).map((value) => 2 * value);
      return { ...tensor, bytes: new Uint8Array(doubled.buffer) };
    });
    await writeSafetensors(path, tensors);
  }
}

async function norm(directory: string): Promise<number[]> {
  using checkpoint = await Checkpoint.open(directory);
  return [...await checkpoint.readFloat32(NORM)];
}

Deno.test("of a tensor in two shards the one counts that the index names", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  const [own] = (await tensorsOf(join(folder.path, WHOLE))).filter(({ name }) => name === NORM);
  const expected = await norm(folder.path);
  await splitIntoShards(folder.path);
  const indexPath = join(folder.path, INDEX);
  const index = JSON.parse(await Deno.readTextFile(indexPath));
  const stray = { ...own, bytes: new Uint8Array(own.bytes.length) };
  for (const [shard, other] of [SHARDS, SHARDS.toReversed()]) {
    const rest = async (name: string) =>
      (await tensorsOf(join(folder.path, name))).filter(({ name }) => name !== NORM);
    await writeSafetensors(join(folder.path, shard), [...await rest(shard), own]);
    await writeSafetensors(join(folder.path, other), [...await rest(other), stray]);
    index.weight_map[NORM] = shard;
    await Deno.writeTextFile(indexPath, JSON.stringify(index));
    assert.deepEqual(await norm(folder.path), expected, shard);
  }
});

Deno.test("a tensor that the index does not name is not there, whatever the shards hold", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await splitIntoShards(folder.path);
  const indexPath = join(folder.path, INDEX);
  const index = JSON.parse(await Deno.readTextFile(indexPath));
  delete index.weight_map[NORM];
  await Deno.writeTextFile(indexPath, JSON.stringify(index));
  await assertRefused(
    Checkpoint.open(folder.path),
    CheckpointError,
    /'model.norm.weight': is missing/,
  );
});

Deno.test("a part of the decoder in a shard that the index does not name is refused, and nothing else", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path, { config: { ...TINY_CONFIG, tiedEmbeddings: true } });
  const expected = await norm(folder.path);
  await splitIntoShards(folder.path);
  const shard = join(folder.path, SHARDS[1]);
  const tensors = await tensorsOf(shard);
  const added = { ...tensors[0], bytes: new Uint8Array(tensors[0].bytes.length) };
  for (
    const name of ["vision_tower.patch.weight", "model.layers.0.self_attn.rotary_emb.inv_freq"]
  ) {
    await writeSafetensors(shard, [...tensors, { ...added, name }]);
    assert.deepEqual(await norm(folder.path), expected, name);
  }
  for (const name of ["lm_head.weight", "model.layers.1.self_attn.q_proj.bias"]) {
    await writeSafetensors(shard, [...tensors, { ...added, name }]);
    const message = new RegExp(`00002\\.safetensors', tensor '${name}': is in a shard and not in`);
    await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
  }
});

Deno.test("a stale total size changes nothing", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  const expected = await norm(folder.path);
  await splitIntoShards(folder.path);
  const indexPath = join(folder.path, INDEX);
  const index = JSON.parse(await Deno.readTextFile(indexPath));
  for (const size of [0, 1e12, "13476839424", null]) {
    index.metadata = { total_size: size };
    await Deno.writeTextFile(indexPath, JSON.stringify(index));
    assert.deepEqual(await norm(folder.path), expected);
  }
});

Deno.test("a whole file beside shards that hold the same is read", async () => {
  await using folder = await temporaryFolder();
  await wholeAndShards(folder.path);
  const expected = await norm(folder.path);
  await Deno.remove(join(folder.path, WHOLE));
  assert.deepEqual(await norm(folder.path), expected);
});

Deno.test("a whole file beside shards that hold something else is refused", async () => {
  const message =
    /model\.safetensors', tensor 'model\.norm\.weight': differs.*expected either model\.safe.* or/;
  for (const changed of [[WHOLE], SHARDS]) {
    await using folder = await temporaryFolder();
    await wholeAndShards(folder.path);
    await doubleNorm(folder.path, changed);
    await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
  }
});

Deno.test("tensors that cannot be read may stand in both, and in one alone are a difference", async () => {
  const extra = { name: "extra", dtype: "U8", shape: [1], bytes: Uint8Array.of(1) } as const;
  for (const files of [[WHOLE, SHARDS[1]], [SHARDS[1]], [WHOLE]]) {
    await using folder = await temporaryFolder();
    await wholeAndShards(folder.path);
    const expected = await norm(folder.path);
    for (const name of files) {
      const path = join(folder.path, name);
      await writeSafetensors(path, [...await tensorsOf(path), extra]);
      await renameType(path, "U8", "F4");
    }
    const indexPath = join(folder.path, INDEX);
    const index = JSON.parse(await Deno.readTextFile(indexPath));
    if (files.includes(SHARDS[1])) index.weight_map.extra = SHARDS[1];
    await Deno.writeTextFile(indexPath, JSON.stringify(index));
    if (files.length === 2) assert.deepEqual(await norm(folder.path), expected);
    else await assertRefused(Checkpoint.open(folder.path), CheckpointError, /'extra': differs/);
  }
});

Deno.test("a whole file beside shards of which one lacks a tensor, or is gone, is refused", async () => {
  await using folder = await temporaryFolder();
  await wholeAndShards(folder.path);
  const indexPath = join(folder.path, INDEX);
  const index = JSON.parse(await Deno.readTextFile(indexPath));
  const { [NORM]: _, ...rest } = index.weight_map;
  await Deno.writeTextFile(indexPath, JSON.stringify({ weight_map: rest }));
  await assertRefused(
    Checkpoint.open(folder.path),
    CheckpointError,
    /model\.norm\.weight': differs/,
  );
  await Deno.writeTextFile(indexPath, JSON.stringify(index));
  await Deno.remove(join(folder.path, SHARDS[1]));
  await assertRefused(Checkpoint.open(folder.path), SafetensorsError, /model-00002-of-00002/);
});

Deno.test("an index of one file that is the whole, or of shards that are all gone, is no other source", async () => {
  await using folder = await temporaryFolder();
  await wholeAndShards(folder.path);
  const expected = await norm(folder.path);
  for (const shard of SHARDS) await Deno.remove(join(folder.path, shard));
  assert.deepEqual(await norm(folder.path), expected);
  const indexPath = join(folder.path, INDEX);
  const index = JSON.parse(await Deno.readTextFile(indexPath));
  const weightMap = Object.fromEntries(Object.keys(index.weight_map).map((name) => [name, WHOLE]));
  const { [NORM]: _, ...rest } = weightMap;
  for (const places of [weightMap, rest, {}]) {
    await Deno.writeTextFile(indexPath, JSON.stringify({ weight_map: places }));
    assert.deepEqual(await norm(folder.path), expected);
  }
});

Deno.test("an index that names a tensor twice is refused", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await splitIntoShards(folder.path);
  const text = await Deno.readTextFile(join(folder.path, INDEX));
  const twice = text.replace('"weight_map":{', `"weight_map":{"${NORM}":"${SHARDS[0]}",`);
  await Deno.writeTextFile(join(folder.path, INDEX), twice);
  const message = /index\.json': index cannot be read: got ''model\.norm\.weight' stands twice/;
  await assertRefused(Checkpoint.open(folder.path), CheckpointError, message);
});

Deno.test("a pipe or a folder in the place of any file of a checkpoint is refused, not waited for", async () => {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  await splitIntoShards(folder.path);
  for (const name of ["config.json", INDEX, SHARDS[1], WHOLE]) {
    const path = join(folder.path, name);
    const kept = await Deno.readFile(path).catch(() => null);
    for (
      const [value, make] of [
        ["a pipe", () => new Deno.Command("mkfifo", { args: [path] }).output()],
        ["a folder", () => Deno.mkdir(path)],
      ] as const
    ) {
      if (kept) await Deno.remove(path);
      await make();
      const message = new RegExp(`/${name}': cannot be read: got 'it is ${value}'; expected`);
      await assertRefused(Checkpoint.open(folder.path), InputError, message);
      await Deno.remove(path);
      if (kept) await Deno.writeFile(path, kept);
    }
  }
});
