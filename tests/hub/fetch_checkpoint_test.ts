/** A model of the Hub as a checkpoint: only what it needs, its settings first, and what is no model. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { useHub } from "../../lib/checkpoint/hub/mod.ts";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { CheckpointError, ConfigError, HubError } from "../../lib/util/errors.ts";
import { saveTiny, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { type HubCase, hubCase } from "./hub_case.ts";
import type { Content } from "./served_file.ts";

/** What was asked for of a repository's files, sorted. */
function fetched({ hub }: HubCase): string[] {
  const paths = hub.asked.flatMap(({ path }) =>
    path.match(/\/resolve\/[0-9a-f]{40}\/(.*)/)?.[1] ?? []
  );
  return paths.toSorted();
}

const json = (value: unknown) => JSON.stringify(value);

/** A tiny model's files. */
async function tiny(): Promise<Record<"config.json" | "model.safetensors", Uint8Array>> {
  await using folder = await temporaryFolder();
  await saveTiny(folder.path);
  return {
    "config.json": await Deno.readFile(join(folder.path, "config.json")),
    "model.safetensors": await Deno.readFile(join(folder.path, "model.safetensors")),
  };
}

const served = (files: Record<string, Content>) => hubCase({ repositories: { "us/m": { files } } });

Deno.test("of a repository only what a model needs is fetched, and nothing when offline", async () => {
  const model = await tiny();
  const needed = {
    ...model,
    "additional_chat_templates/tools.jinja": "{{ x }}",
    "generation_config.json": "{}",
    "tokenizer.json": "[]",
    "tokenizer_config.json": "[1]",
  };
  const others = [
    "README.md",
    "modeling_own.py",
    "onnx/model.onnx",
    "pytorch_model.bin",
    "tf_model.h5",
  ];
  await using all = await served({
    ...needed,
    ...Object.fromEntries(others.map((each) => [each, each])),
  });
  {
    using checkpoint = await Checkpoint.open("hf:us/m");
    assert.equal(checkpoint.name, "us/m");
    assert.match(checkpoint.origin!, /^hf:us\/m@[0-9a-f]{40}$/);
  }
  assert.deepEqual(fetched(all), Object.keys(needed).toSorted());
  assert.ok(
    all.listing().some((path) => /\.no_exist\/[0-9a-f]{40}\/adapter_config.json$/.test(path)),
  );
  using _ = useHub({ offline: "HF_HUB_OFFLINE" });
  const before = all.hub.asked.length;
  using checkpoint = await Checkpoint.open("hf:us/m");
  // Weights are read through the links of the snapshot.
  assert.equal(
    (await checkpoint.readFloat32("model.norm.weight")).length,
    checkpoint.config.hiddenSize,
  );
  assert.equal(all.hub.asked.length, before);
});

Deno.test("a model that is not supported is refused before its weights are fetched", async () => {
  const model = await tiny();
  const config = JSON.parse(new TextDecoder().decode(model["config.json"]));
  const other = {
    ...model,
    "config.json": json({ ...config, architectures: ["MambaForCausalLM"] }),
  };
  await using all = await served(other);
  await assert.rejects(Checkpoint.open("hf:us/m"), ConfigError);
  assert.deepEqual(fetched(all), ["config.json"]);
  await using adapted = await served({ ...model, "adapter_config.json": "{}" });
  await assert.rejects(Checkpoint.open("hf:us/m"), /CheckpointError: .*adapter/);
  assert.deepEqual(fetched(adapted), ["adapter_config.json", "config.json"]);
});

Deno.test("of shards those are fetched that the index names, which has to name files of its folder", async () => {
  const { "config.json": config, "model.safetensors": weights } = await tiny();
  const index = "model.safetensors.index.json";
  const shard = "model-00001-of-00001.safetensors";
  const header = JSON.parse(
    new TextDecoder().decode(
      weights.subarray(8, 8 + new DataView(weights.buffer).getUint32(0, true)),
    ),
  );
  const tensors = Object.keys(header).filter((name) => name !== "__metadata__");
  const map = (file: string) =>
    json({ weight_map: Object.fromEntries(tensors.map((name) => [name, file])) });
  const files = { "config.json": config, [shard]: weights, "model-old.safetensors": weights };
  {
    await using all = await served({ ...files, [index]: map(shard) });
    using _ = await Checkpoint.open("hf:us/m");
    assert.deepEqual(fetched(all), ["config.json", shard, index].toSorted());
  }
  for (const wrong of ["model-00002-of-00002.safetensors", "../m.safetensors", "/m.safetensors"]) {
    await using _ = await served({ ...files, [index]: map(wrong) });
    await assert.rejects(Checkpoint.open("hf:us/m"), HubError);
  }
  for (const wrong of ["{}", "[]", json({ weight_map: { a: 1 } }), "{"]) {
    await using _ = await served({ ...files, [index]: wrong });
    await assert.rejects(Checkpoint.open("hf:us/m"), CheckpointError);
  }
});

Deno.test("torch's own files are fetched where there is nothing else", async () => {
  const { "config.json": config } = await tiny();
  await using all = await served({
    "config.json": config,
    "pytorch_model.bin": "no zip",
    "a.gguf": "g",
  });
  await assert.rejects(Checkpoint.open("hf:us/m"), /pytorch_model\.bin/);
  assert.deepEqual(fetched(all), ["config.json", "pytorch_model.bin"]);
});

Deno.test("a model may lie in a folder of its repository, at a revision", async () => {
  const model = await tiny();
  const inside = Object.fromEntries(
    Object.entries(model).map(([path, file]) => [`sub/${path}`, file]),
  );
  const options = { files: { "config.json": "{}" }, revisions: { v2: inside } };
  await using all = await hubCase({ repositories: { "us/m": options } });
  using checkpoint = await Checkpoint.open("hf:us/m@v2/sub");
  const commit = all.hub.repositories.get("models/us/m")!.commitOf("v2");
  assert.equal(checkpoint.origin, `hf:us/m@${commit}/sub`);
  assert.equal(checkpoint.name, "us/m/sub");
});

Deno.test("a repository that holds no model is told what one has", async () => {
  const { "config.json": config } = await tiny();
  await using _ = await served({ "README.md": "nothing" });
  await assert.rejects(
    Checkpoint.open("hf:us/m"),
    /CheckpointError: .*hf:us\/m@main.*holds no config.json/,
  );
  await using __ = await served({ "config.json": config, "a.gguf": "g" });
  await assert.rejects(
    Checkpoint.open("hf:us/m"),
    /CheckpointError: .*holds no weights.*pytorch_model/,
  );
});
