/** Fetching from a Hub: what comes, where it stands, and that it is fetched once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fetchFiles, openRevision, parseHubName, useHub } from "../../lib/checkpoint/hub/mod.ts";
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
