/** The cache: Hugging Face's layout both ways, offline, without links, and paths that lead out of it. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fetchFiles, useHub } from "../../lib/checkpoint/hub/mod.ts";
import { HubError, OptionError } from "../../lib/util/errors.ts";
import { hubCase, someBytes } from "./hub_case.ts";

const weights = someBytes(300);
const files = { "config.json": "{}", "deep/er/notes.txt": "notes\n", "model.safetensors": weights };
const sha256 = createHash("sha256").update(weights).digest("hex");
// By git itself: `printf '{}' | git hash-object --stdin`, and of "notes\n".
const CONFIG = "9e26dfeeb6e641a33dae4961196235bdb965b21b";
const NOTES = "bfa655111293037a5564088d1a9bbca4cbcf446b";

Deno.test("what is fetched stands as Hugging Face's own libraries have it", async () => {
  await using all = await hubCase({ repositories: { "us/m": { files } } });
  await all.fetch("hf:us/m");
  const commit = all.hub.repositories.get("models/us/m")!.commitOf("main")!;
  const at = (path: string) => join(all.cache, "models--us--m", path);
  assert.equal(await Deno.readTextFile(at("refs/main")), commit);
  const links = Object.entries({
    "config.json": `../../blobs/${CONFIG}`,
    "deep/er/notes.txt": `../../../../blobs/${NOTES}`,
    "model.safetensors": `../../blobs/${sha256}`,
  });
  for (const [path, target] of links) {
    assert.equal(await Deno.readLink(at(`snapshots/${commit}/${path}`)), target);
  }
  const blobs = [CONFIG, NOTES, sha256].sort();
  assert.deepEqual(all.listing().filter((path) => path.includes("/blobs/")), [
    ...blobs.map((blob) => `models--us--m/blobs/${blob}`),
  ]);
  assert.deepEqual(await Deno.readFile(at(`blobs/${sha256}`)), weights);
});

Deno.test("a cache that another library wrote is read, with the network and without", async () => {
  await using all = await hubCase({ repositories: { "us/m": { files } } });
  const commit = all.hub.repositories.get("models/us/m")!.commitOf("main")!;
  const put = async (path: string, content: string | Uint8Array) => {
    const place = join(all.cache, "models--us--m", path);
    await Deno.mkdir(dirname(place), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(place, content);
    else await Deno.writeFile(place, content);
  };
  await put("refs/main", commit);
  await put(`blobs/${CONFIG}`, "{}");
  await put(`blobs/${sha256}`, weights);
  // As it stands where there are no links: a copy.
  await put(`snapshots/${commit}/deep/er/notes.txt`, "notes\n");
  const snapshot = join(all.cache, "models--us--m/snapshots", commit);
  await Deno.symlink(`../../blobs/${CONFIG}`, join(snapshot, "config.json"));
  await Deno.symlink(`../../blobs/${sha256}`, join(snapshot, "model.safetensors"));
  {
    using _ = useHub({ offline: "HF_HUB_OFFLINE" });
    const revision = await all.open("hf:us/m");
    assert.deepEqual(revision.files.map(({ path, size }) => [path, size]), [
      ["config.json", 2],
      ["deep/er/notes.txt", 6],
      ["model.safetensors", 300],
    ]);
    assert.equal(await fetchFiles(revision, Object.keys(files)), snapshot);
    assert.equal(all.hub.asked.length, 0);
  }
  assert.equal(await all.fetch("hf:us/m"), snapshot);
  assert.ok(!all.hub.asked.some(({ path }) => path.includes("resolve")));
});

Deno.test("a nested revision has a nested ref, and files of two revisions are kept once", async () => {
  const revisions = { "refs/pr/1": { ...files, "config.json": "[]" } };
  await using all = await hubCase({ repositories: { "us/m": { files, revisions } } });
  await all.fetch("hf:us/m");
  const before = all.hub.asked.length;
  const folder = await all.fetch("hf:us/m@refs/pr/1");
  assert.equal(await Deno.readTextFile(join(folder, "config.json")), "[]");
  const fetched = all.hub.asked.slice(before).filter(({ path }) => path.includes("resolve"));
  assert.equal(fetched.length, 1);
  assert.ok(all.listing().includes("models--us--m/refs/refs/pr/1"));
  using _ = useHub({ offline: "HF_HUB_OFFLINE" });
  assert.equal(await all.fetch("hf:us/m@refs/pr/1"), folder);
});

Deno.test("what is not in the cache names the variable that forbids to fetch it", async () => {
  await using all = await hubCase({ repositories: { "us/m": { files } } });
  await all.fetch("hf:us/m", ["config.json"]);
  using _ = useHub({ offline: "TRANSFORMERS_OFFLINE" });
  const before = all.hub.asked.length;
  const message = /HubFileError: .*not in the cache, and TRANSFORMERS_OFFLINE is set/;
  await assert.rejects(all.open("hf:us/other"), message);
  await assert.rejects(all.open("hf:us/m@v2"), message);
  await assert.rejects(all.fetch("hf:us/m", ["model.safetensors"]), message);
  assert.equal(all.hub.asked.length, before);
});

Deno.test("where no links can be made files stand in their snapshots themselves", async () => {
  await using all = await hubCase({ repositories: { "us/m": { files } } });
  const { symlink } = Deno;
  Deno.symlink = () => Promise.reject(Object.assign(new Error("no links"), { code: "EPERM" }));
  let folder: string;
  try {
    folder = await all.fetch("hf:us/m");
  } finally {
    Deno.symlink = symlink;
  }
  assert.ok((await Deno.lstat(join(folder, "model.safetensors"))).isFile);
  assert.deepEqual(await Deno.readFile(join(folder, "model.safetensors")), weights);
  const before = all.hub.asked.length;
  await all.fetch("hf:us/m");
  assert.ok(!all.hub.asked.slice(before).some(({ path }) => path.includes("resolve")));
});

Deno.test("a blob that was cut short is fetched again", async () => {
  await using all = await hubCase({ repositories: { "us/m": { files } } });
  const folder = await all.fetch("hf:us/m");
  await Deno.truncate(join(all.cache, "models--us--m/blobs", sha256), 100);
  await all.fetch("hf:us/m");
  assert.deepEqual(await Deno.readFile(join(folder, "model.safetensors")), weights);
});

const HOSTILE = [
  "../up",
  "a/../../../up",
  "/absolute",
  "a//b",
  "./a",
  "a\\b",
  "C:/a",
  "nul\0",
  "..",
];
for (const path of HOSTILE) {
  Deno.test(`a file by the name ${JSON.stringify(path)} is written nowhere`, async () => {
    await using all = await hubCase({ repositories: { "us/m": { files: { [path]: "x" } } } });
    await assert.rejects(all.fetch("hf:us/m"), /HubError: .*leaves its repository/);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(dirname(all.cache))), []);
    assert.ok(!all.hub.asked.some(({ path }) => path.includes("resolve")));
  });
}

Deno.test("names that some file systems take for one are refused together", async () => {
  const clash = { "config.json": "{}", "Config.json": "[]" };
  await using all = await hubCase({ repositories: { "us/m": { files: clash } } });
  await assert.rejects(
    all.fetch("hf:us/m"),
    /HubError: .*some file systems take for 'config.json'/,
  );
  // What is asked for alone is no matter.
  await all.fetch("hf:us/m", ["config.json"]);
});

Deno.test("a name or revision that leads out of the cache is no name", async () => {
  await using all = await hubCase({});
  for (
    const name of [
      "hf:../m",
      "hf:us/..",
      "hf:us/m@../up",
      "hf:us/m@a%2F..%2F..%2Fup",
      "hf:us/m/../up",
    ]
  ) {
    await assert.rejects(all.open(name), OptionError, name);
  }
  await assert.rejects(all.fetch("hf:us/none"), HubError);
});

Deno.test("a listing comes page by page, and below the path that was named", async () => {
  const many = Object.fromEntries(
    Array.from({ length: 7 }, (_, i) => [`en/${i % 3}/${i}.txt`, `${i}`]),
  );
  const all = { kind: "dataset", files: { ...many, "README.md": "" } } as const;
  await using served = await hubCase({ repositories: { "us/d": all }, pageSize: 2 });
  const paths = async (name: string) =>
    (await served.open(name, "dataset")).files.map(({ path }) => path).sort();
  assert.deepEqual(await paths("hf:us/d"), ["README.md", ...Object.keys(many)].sort());
  assert.deepEqual(await paths("hf:us/d/en/0"), ["en/0/0.txt", "en/0/3.txt", "en/0/6.txt"]);
  assert.deepEqual(await paths("hf:us/d/en/1/4.txt"), ["en/1/4.txt"]);
});
