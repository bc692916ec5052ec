/** Fetching from a Hub: what comes, where it stands, and that it is fetched once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fetchFiles, openRevision, parseHubName, useHub } from "../../lib/checkpoint/hub/mod.ts";
import { Checkpoint, Pair, type Progress, projectPath } from "../../lib/mod.ts";
import { LoopbackHub } from "./loopback_hub.ts";

Deno.test("files of a revision come into the cache, once", async () => {
  const files = { "config.json": "{}", "model.safetensors": new Uint8Array(100).fill(7) };
  await using hub = LoopbackHub.start({ repositories: { "o/n": { files } } });
  const cache = await Deno.makeTempDir();
  using _ = useHub({ endpoint: hub.endpoint, cache, token: null, offline: null });
  const revision = await openRevision(parseHubName("hf:o/n", "model"));
  assert.deepEqual(revision.files.map(({ path, size }) => [path, size]), [
    ["config.json", 2],
    ["model.safetensors", 100],
  ]);
  const folder = await fetchFiles(revision, Object.keys(files));
  assert.deepEqual(
    await Deno.readFile(join(folder, "model.safetensors")),
    files["model.safetensors"],
  );
  assert.equal(await Deno.readTextFile(join(folder, "config.json")), "{}");
  const before = hub.asked.length;
  await fetchFiles(revision, Object.keys(files));
  assert.equal(hub.asked.length, before);
  await Deno.remove(cache, { recursive: true });
});

Deno.test("a model's name opens it as its folder does, and a delta says where it came from", async () => {
  await using hub = LoopbackHub.start({
    repositories: {
      "us/base": { files: projectPath("data/checkpoints/llama-base") },
      "us/fine": { files: projectPath("data/checkpoints/llama-assistant") },
    },
  });
  const cache = await Deno.makeTempDir();
  using _ = useHub({ endpoint: hub.endpoint, cache, token: null, offline: null });
  const reports: string[] = [];
  const onProgress = ({ label }: Progress) => void reports.push(label);
  await using pair = await Pair.open("hf:us/base", "hf:us/fine", { onProgress });
  using folder = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  assert.equal(await pair.base.hash(), await folder.hash());
  assert.equal(pair.base.name, "us/base");
  assert.deepEqual([...new Set(reports)], ["Download of us/base", "Download of us/fine"]);
  const { metadata } = await pair.extract();
  const commit = hub.repositories.get("models/us/base")!.commitOf("main");
  assert.equal(metadata.base, `hf:us/base@${commit}`);
  assert.ok(!hub.asked.some(({ path }) => path.includes("README")));
  await Deno.remove(cache, { recursive: true });
});
