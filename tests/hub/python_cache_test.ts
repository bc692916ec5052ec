/** Python's huggingface_hub and this library read each other's cache: what each wrote once, against what is now. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import { CachedRepository } from "../../lib/checkpoint/hub/cache.ts";
import { fetchFiles, useHub } from "../../lib/checkpoint/hub/mod.ts";
import { hubSettings } from "../../lib/checkpoint/hub/settings.ts";
import readByPython from "../fixtures/hub/read_by_python.json" with { type: "json" };
import writtenByPython from "../fixtures/hub/written_by_python.json" with { type: "json" };
import { hubCase } from "./hub_case.ts";

const weights = Uint8Array.from({ length: 3000 }, (_, index) => index * 7);
const files = {
  "config.json": '{"model_type":"llama"}',
  "sub/dir/notes.txt": "nested\n",
  "model.safetensors": weights,
};

Deno.test("a cache that Python wrote is read without a network", async () => {
  await using all = await hubCase({}, { offline: "HF_HUB_OFFLINE" });
  for (const [path, entry] of Object.entries(writtenByPython.files)) {
    const place = join(all.cache, path);
    await Deno.mkdir(dirname(place), { recursive: true });
    if ("link" in entry) await Deno.symlink(entry.link!, place);
    else await Deno.writeFile(place, Buffer.from(entry.base64!, "base64"));
  }
  const revision = await all.open("hf:us/tiny");
  assert.equal(revision.commit, "1234567890abcdef1234567890abcdef12345678");
  const folder = await fetchFiles(revision, Object.keys(files));
  assert.equal(await Deno.readTextFile(join(folder, "config.json")), files["config.json"]);
  assert.equal(await Deno.readTextFile(join(folder, "sub/dir/notes.txt")), "nested\n");
  assert.deepEqual(await Deno.readFile(join(folder, "model.safetensors")), weights);
  assert.equal(all.hub.asked.length, 0);
});

Deno.test("what Python read without a warning is what is written now", async () => {
  const revisions = { "refs/pr/1": { "config.json": '{"model_type":"mistral"}' } };
  const data = { "data/a.jsonl": '{"text":"a"}\n', "b.parquet": weights.slice(0, 100) };
  await using all = await hubCase({
    repositories: {
      "us/tiny": { files, revisions },
      "us/data": { kind: "dataset", files: data },
    },
  });
  await all.fetch("hf:us/tiny");
  await all.fetch("hf:us/tiny@refs/pr/1");
  const dataset = await all.open("hf:us/data", "dataset");
  await fetchFiles(dataset, Object.keys(data));
  const { commit } = await all.open("hf:us/tiny");
  const repository = { kind: "model", repository: "us/tiny" } as const;
  const cached = new CachedRepository(await hubSettings(), repository);
  await cached.noteAbsent(commit, "generation_config.json");
  const written = all.listing().map((path) => {
    const { isSymlink, size } = Deno.lstatSync(join(all.cache, path));
    return [path, isSymlink ? Deno.readLinkSync(join(all.cache, path)) : size];
  });
  assert.deepEqual(Object.fromEntries(written), readByPython.written);
  assert.deepEqual(readByPython.scan.warnings, []);
  assert.deepEqual(readByPython.loaded.snapshot, Object.keys(files).toSorted());
});

Deno.test("a beginning that was left is no trouble where the whole came since", async () => {
  await using all = await hubCase({ repositories: { "us/tiny": { files } } });
  const folder = await all.fetch("hf:us/tiny");
  const [weightsBlob] = all.listing().filter((path) => /blobs\/[0-9a-f]{64}$/.test(path));
  // As Python leaves ours, which goes on from no other's.
  await Deno.writeFile(join(all.cache, `${weightsBlob}.incomplete`), weights.slice(0, 1234));
  assert.equal(await all.fetch("hf:us/tiny"), folder);
  using _ = useHub({ offline: "HF_HUB_OFFLINE" });
  assert.equal(await all.fetch("hf:us/tiny"), folder);
});
