/** Checkpoints of several weight files: how they are split, and that no part of one is ever a whole checkpoint. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { inStateDictOrder, planShards } from "../../lib/checkpoint/shard_plan.ts";
import { tensorNames, type WeightSource } from "../../lib/checkpoint/weights.ts";
import { OutputError } from "../../lib/util/errors.ts";
import { filesIn, temporaryFolder, TINY_CONFIG, tinySource } from "./tiny_checkpoint.ts";

const SMALL = { dtype: "F32", shardBytes: 7000, metadata: { mine: "yes" } } as const;
const THREE = ["1", "2", "3"].map((number) => `model-0000${number}-of-00003.safetensors`);
const INDEX = "model.safetensors.index.json";

Deno.test("tensors go into files in their order, none fuller than is asked for unless one tensor is", () => {
  const tensor = (name: string, size: number) => ({ name, dtype: "U8", shape: [size] }) as const;
  const tensors = [
    tensor("z", 4),
    tensor("a", 6),
    tensor("b", 1),
    tensor("huge", 30),
    tensor("c", 1),
  ];
  const shards = planShards(tensors, 10);
  assert.deepEqual(
    shards.map(({ name, tensors }) => [name, tensors.map(({ name }) => name).join()]),
    [
      ["model-00001-of-00004.safetensors", "z,a"],
      ["model-00002-of-00004.safetensors", "b"],
      ["model-00003-of-00004.safetensors", "huge"],
      ["model-00004-of-00004.safetensors", "c"],
    ],
  );
  assert.deepEqual(planShards(tensors, 42).map(({ name }) => name), ["model.safetensors"]);
});

Deno.test("tensors go in the order of transformers' state dicts", () => {
  const config = { ...TINY_CONFIG, layerCount: 11 };
  const names = inStateDictOrder(
    tensorNames({
      ...config,
      architecture: "Qwen3ForCausalLM",
      attentionBias: "qkv",
      queryKeyNorms: true,
    }),
  );
  // As a Qwen3 with attention_bias lists them.
  const layer = (index: number) =>
    [
      ..."q_proj k_proj v_proj".split(" ").flatMap((each) => [
        `self_attn.${each}.weight`,
        `self_attn.${each}.bias`,
      ]),
      ...["self_attn.o_proj.weight", "self_attn.q_norm.weight", "self_attn.k_norm.weight"],
      ...["mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"],
      ...["input_layernorm.weight", "post_attention_layernorm.weight"],
    ].map((name) => `model.layers.${index}.${name}`);
  assert.deepEqual(names, [
    "model.embed_tokens.weight",
    ...Array.from({ length: 11 }, (_, index) => layer(index)).flat(),
    "model.norm.weight",
    "lm_head.weight",
  ]);
});

Deno.test("shards and their index hold each tensor once, in the order of the forward pass", async () => {
  await using folder = await temporaryFolder();
  const source = tinySource(TINY_CONFIG, 1);
  const { files, bytes } = await saveCheckpoint(folder.path, source, SMALL);
  assert.deepEqual(files, THREE);
  assert.deepEqual(filesIn(folder.path), ["config.json", ...THREE, INDEX]);
  const { metadata, weight_map: places } = JSON.parse(
    await Deno.readTextFile(join(folder.path, INDEX)),
  );
  let total = 0;
  const named = new Map<string, string>();
  for (const name of THREE) {
    using file = await SafetensorsFile.open(join(folder.path, name));
    assert.deepEqual(file.metadata, { format: "pt", mine: "yes" });
    for (const [tensor, { begin, end }] of file.tensors) {
      named.set(tensor, name);
      total += end - begin;
    }
  }
  assert.deepEqual(places, Object.fromEntries([...named].sort(([a], [b]) => a < b ? -1 : 1)));
  assert.deepEqual([metadata.total_size, bytes], [total, total]);
  assert.equal(places["model.embed_tokens.weight"], THREE[0]);
  assert.equal(places["lm_head.weight"], THREE[2]);
  using saved = await Checkpoint.open(folder.path);
  for (const tensor of named.keys()) {
    assert.deepEqual(await saved.readFloat32(tensor), await source.readFloat32(tensor));
  }
});

Deno.test("weights of an earlier save make way for those of other names", async () => {
  await using folder = await temporaryFolder();
  const [first, second] = [tinySource(TINY_CONFIG, 1), tinySource(TINY_CONFIG, 2)];
  await saveCheckpoint(folder.path, first, SMALL);
  await saveCheckpoint(folder.path, second, { ...SMALL, shardBytes: 1e6 });
  assert.deepEqual(filesIn(folder.path), ["config.json", "model.safetensors"]);
  await saveCheckpoint(folder.path, first, SMALL);
  assert.deepEqual(filesIn(folder.path), ["config.json", ...THREE, INDEX]);
  using saved = await Checkpoint.open(folder.path);
  const tensor = "model.norm.weight";
  assert.deepEqual(await saved.readFloat32(tensor), await first.readFloat32(tensor));
});

Deno.test("weights that another program wrote do not make way", async () => {
  await using folder = await temporaryFolder();
  const source = tinySource(TINY_CONFIG, 1);
  for (
    const [before, after, name] of [[1e6, 7000, "model.safetensors"], [7000, 1e6, INDEX]] as const
  ) {
    const directory = join(folder.path, name);
    await saveCheckpoint(directory, source, { dtype: "F32", shardBytes: before });
    const there = filesIn(directory);
    const saving = saveCheckpoint(directory, source, { ...SMALL, shardBytes: after });
    await assert.rejects(saving, (error) => {
      assert.ok(error instanceof OutputError);
      assert.ok(error.message.startsWith(`file '${join(directory, name)}': would go with`));
      return true;
    });
    assert.deepEqual(filesIn(directory), there);
  }
});

Deno.test("a save that fails on its last shard leaves the one before it as it was, and no part of its own", async () => {
  await using folder = await temporaryFolder();
  const first = tinySource(TINY_CONFIG, 1);
  await saveCheckpoint(folder.path, first, SMALL);
  const failing: WeightSource = {
    ...tinySource(TINY_CONFIG, 2),
    readFloat32: (tensor) =>
      tensor === "lm_head.weight"
        ? Promise.reject(new Error("no more"))
        : tinySource(TINY_CONFIG, 2).readFloat32(tensor),
  };
  await assert.rejects(saveCheckpoint(folder.path, failing, SMALL), /no more/);
  assert.deepEqual(filesIn(folder.path), ["config.json", ...THREE, INDEX]);
  using saved = await Checkpoint.open(folder.path);
  for (const tensor of ["model.norm.weight", "model.embed_tokens.weight"]) {
    assert.deepEqual(await saved.readFloat32(tensor), await first.readFloat32(tensor));
  }
});

Deno.test("a folder whose shards cannot take their places is no checkpoint", async () => {
  await using folder = await temporaryFolder();
  await saveCheckpoint(folder.path, tinySource(TINY_CONFIG, 1), SMALL);
  // A folder in the place of the second shard: the first is moved when this is found out.
  await Deno.remove(join(folder.path, THREE[1]));
  const opened = Promise.withResolvers<void>();
  const source = tinySource(TINY_CONFIG, 2);
  const blocking: WeightSource = {
    ...source,
    readFloat32: async (tensor) => {
      if (tensor === "lm_head.weight") {
        await Deno.mkdir(join(folder.path, THREE[1])).catch(() => {});
        opened.resolve();
      }
      return await source.readFloat32(tensor);
    },
  };
  await assert.rejects(saveCheckpoint(folder.path, blocking, SMALL), OutputError);
  await opened.promise;
  assert.ok(!filesIn(folder.path).some((name) => /part$/.test(name)));
  await assert.rejects(Checkpoint.open(folder.path));
});
