/** Data sets of a loopback Hub and of folders: which files belong to what is asked for, and how far they are read. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { useHub } from "../../lib/checkpoint/hub/mod.ts";
import { globPattern } from "../../lib/texts/data_set/glob.ts";
import { splitsByName } from "../../lib/texts/data_set/splits.ts";
import { readText } from "../../lib/texts/named_text.ts";
import type { TextChoice } from "../../lib/texts/text_choice.ts";
import { HubError, InputError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { LoopbackHub } from "../hub/loopback_hub.ts";

type Files = Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>;

const parquet = (texts: readonly (string | null)[], column = "text") =>
  new Uint8Array(parquetWriteBuffer({
    columnData: [{ name: column, data: [...texts], type: "STRING", nullable: true }],
  }));
const json = (texts: readonly string[]) =>
  texts.map((text) => JSON.stringify({ text }) + "\n").join("");
const gzipped = (text: string) => new Uint8Array(gzipSync(new TextEncoder().encode(text)));

/** A Hub with one data set, and a cache that is used until the end of the scope. */
async function served(files: Files, options: { gated?: boolean } = {}) {
  const hub = LoopbackHub.start({
    repositories: { "us/set": { kind: "dataset", files, ...options } },
    token: "hf_secret",
  });
  const folder = await temporaryFolder();
  const settings = { endpoint: hub.endpoint, cache: folder.path, token: null, offline: null };
  const using = useHub({ ...settings, wait: () => Promise.resolve() });
  return {
    hub,
    cache: folder.path,
    commit: hub.repositories.get("datasets/us/set")!.commitOf("main")!,
    [Symbol.asyncDispose]: async () => {
      using[Symbol.dispose]();
      await hub[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

async function texts(choice: TextChoice | string): Promise<string[]> {
  return (await readText(choice)).documents.map(({ text }) => text);
}

async function refused(choice: TextChoice | string, message: RegExp): Promise<void> {
  await assert.rejects(readText(choice), (error) => {
    assert.ok(error instanceof InputError);
    assert.match(error.message, message);
    return true;
  });
}

const card = `---
license: mit
configs:
- config_name: raw
  data_files:
  - split: test
    path: raw/test-*
  - split: train
    path:
    - raw/train-*
- config_name: clean
  default: true
  data_files: "clean/*.jsonl"
- config_name: odd
  data_files: odd.csv
  sep: ";"
---
# A set
configs: none of these
`;

const withCard: Files = {
  "README.md": card,
  "raw/train-00000-of-00002.parquet": parquet(["r0", null, "r2"]),
  "raw/train-00001-of-00002.parquet": parquet(["r3", "", "r5"]),
  "raw/test-00000-of-00001.parquet": parquet(["t0"]),
  "clean/a.jsonl": json(["c0", "c1"]),
  "clean/notes.md": "no data",
  "odd.csv": "text\na;b\n",
};

Deno.test("the card's configurations and their splits are read, on the Hub and in a folder", async () => {
  await using set = await served(withCard);
  await using folder = await temporaryFolder();
  for (const [path, content] of Object.entries(withCard)) {
    await Deno.mkdir(dirname(join(folder.path, path)), { recursive: true });
    await Deno.writeFile(
      join(folder.path, path),
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
  }
  for (const source of ["hf:us/set", folder.path]) {
    const configuration = "raw";
    assert.deepEqual(await texts(source), ["c0", "c1"]);
    assert.deepEqual(await texts({ source, configuration, split: "test" }), ["t0"]);
    const choice = { source, configuration, split: "train", rows: [1, 5] } as const;
    const { documents, origin } = await readText(choice);
    assert.deepEqual(documents, [
      { name: "train-00000-of-00002.parquet:3", text: "r2" },
      { name: "train-00001-of-00002.parquet:1", text: "r3" },
    ]);
    assert.deepEqual(origin, {
      source: source === folder.path ? source : `hf:us/set@${set.commit}`,
      configuration: "raw",
      split: "train",
      files: ["raw/train-00000-of-00002.parquet", "raw/train-00001-of-00002.parquet"],
      column: "text",
      rows: { first: 1, read: 4, null: 1, blank: 1 },
    });
    await refused({ source, configuration }, /has several splits: got \['test', 'train'\]/);
    await refused(
      { source, configuration, split: "dev" },
      /has no split 'dev': got \['test', 'train'\]/,
    );
    await refused(
      { source, configuration: "row" },
      /no configuration, .* 'row': got \['raw', 'clean', 'odd'\]/,
    );
    await refused(
      { source, configuration: "odd" },
      /settings for its reader .*'odd': got \['sep'\]/,
    );
  }
  // The path of a name is a configuration, a folder or a file.
  const commit = set.commit;
  assert.deepEqual(await texts({ source: "hf:us/set/raw", split: "test" }), ["t0"]);
  assert.deepEqual(await texts(`hf:us/set@${commit}/clean/a.jsonl`), ["c0", "c1"]);
  await refused(
    "hf:us/set/rew",
    /no configuration, folder or file 'rew': got \['raw', 'clean', 'odd'\]/,
  );
  await refused(
    { source: "hf:us/set/odd.csv", split: "train" },
    /is one file, which has no splits/,
  );
});

Deno.test("only the files that rows are asked of are fetched", async () => {
  await using set = await served(withCard);
  const choice = { source: "hf:us/set/raw", split: "train" };
  assert.deepEqual(await texts({ ...choice, rows: 3 }), ["r0", "r2"]);
  const fetched = () => set.hub.asked.filter(({ path }) => path.includes("/resolve/"));
  assert.ok(
    !fetched().some(({ path }) => path.includes("00001-of-00002") || path.includes("test")),
  );
  // All of it is in the cache then, and without a network too.
  await texts(choice);
  const before = set.hub.asked.length;
  using _ = useHub({ offline: "HF_HUB_OFFLINE" });
  assert.deepEqual(await texts(choice), ["r0", "r2", "r3", "r5"]);
  assert.equal(set.hub.asked.length, before);
});

/** Rows that do not pack: about 30 kB each. */
const heavy = (count: number) =>
  Array.from(
    { length: count },
    (_, index) => `row ${index} ${randomBytes(15_000).toString("hex")}`,
  );

Deno.test("the first rows of a packed shard are read without the rest of it, and it is not kept", async () => {
  // Packed as gzip packs what does not get smaller, so that it is large at once.
  const rows = Array.from({ length: 48 }, (_, index) => `row ${index} `.repeat(120_000));
  const shard = new Uint8Array(gzipSync(json(rows), { level: 0 }));
  const names = ["en/c4-train.00000-of-01024.json.gz", "en/c4-train.00001-of-01024.json.gz"];
  await using set = await served({ [names[0]]: shard, [names[1]]: shard });
  const { documents, origin } = await readText({ source: "hf:us/set/en", rows: 5 });
  assert.deepEqual(documents.map(({ text }) => text), rows.slice(0, 5));
  assert.deepEqual(origin.files, [names[0]]);
  const files = set.hub.repositories.get("datasets/us/set")!.commits.get(set.commit)!;
  const { sent } = files.get(names[0])!;
  assert.ok(sent < shard.length / 2, `${sent} of ${shard.length} bytes were sent`);
  assert.equal(files.get(names[1])!.sent, 0);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(set.cache)), []);
});

Deno.test("a stream whose connection is cut goes on where it was", async () => {
  const rows = heavy(12);
  const files = { "train.jsonl.gz": gzipped(json(rows)) };
  await using set = await served(files);
  set.hub.fail({ on: /train\.jsonl\.gz/, cut: 50_000, times: 2 });
  assert.deepEqual(await texts({ source: "hf:us/set", rows: 11 }), rows.slice(0, 11));
  const ranges = set.hub.asked.map(({ range }) => range).filter((range) => range !== null);
  assert.ok(ranges.some((range) => !range.startsWith("bytes=0-")));
});

Deno.test("a text that is stopped while it comes throws the reason of that, packed or not", async () => {
  const rows = heavy(12);
  const forms: Files[] = [{ "a.jsonl.gz": gzipped(json(rows)) }, { "a.jsonl": json(rows) }];
  for (const files of forms) {
    await using set = await served(files);
    set.hub.fail({ on: /\/resolve\/|Signature/, cut: 50_000 });
    const controller = new AbortController();
    const reason = new Error("stopped by a test");
    const wait = () => Promise.reject(controller.abort(reason) ?? controller.signal.reason);
    using _ = useHub({ wait });
    const { signal } = controller;
    await assert.rejects(
      readText({ source: "hf:us/set", rows: 11 }, { signal }),
      (error) => error === reason,
    );
  }
});

Deno.test("a gated data set says which page to visit", async () => {
  await using set = await served({ "train.jsonl": json(["a"]) }, { gated: true });
  await assert.rejects(readText("hf:us/set"), (error) => {
    assert.ok(error instanceof HubError);
    assert.match(error.message, /datasets\/us\/set/);
    assert.match(error.message, /HF_TOKEN/);
    return true;
  });
  using _ = useHub({ token: "hf_secret" });
  assert.deepEqual(await texts("hf:us/set"), ["a"]);
  assert.ok(set.hub.asked.some(({ hasToken }) => hasToken));
});

Deno.test("a data set without a card is read from the cache too", async () => {
  await using _set = await served({ "train.jsonl": json(["a", "b"]) });
  assert.deepEqual(await texts("hf:us/set"), ["a", "b"]);
  using _ = useHub({ offline: "HF_HUB_OFFLINE" });
  assert.deepEqual(await texts("hf:us/set"), ["a", "b"]);
  await refused("hf:us/other", /is not in the cache, and HF_HUB_OFFLINE is set/);
});

Deno.test("a Hub that fails is not asked again for what it did not answer", async () => {
  await using set = await served(withCard);
  set.hub.fail({ on: /\/api\//, status: 500 });
  await assert.rejects(readText("hf:us/set"), HubError);
  assert.ok(set.hub.asked.every(({ path }) => path === set.hub.asked[0].path));
});

Deno.test("a data set without files of rows, or of several forms, is refused with what it has", async () => {
  {
    await using _ = await served({ "data.zip": "PK", "README.md": "# none" });
    await refused(
      "hf:us/set",
      /has no files of rows: got \['data.zip', 'README.md'\]; expected .parquet/,
    );
  }
  {
    await using _ = await served({ "a.csv": "text\na\n", "b.jsonl": json(["b"]) });
    await refused("hf:us/set", /has files of several forms: got \['csv', 'json'\]/);
  }
  {
    await using _ = await served({
      "README.md": "---\nconfigs:\n- config_name: 1\n---\n",
      "a.csv": "text\na\n",
    });
    await refused("hf:us/set", /README.md', option 'configs.0.config_name': is malformed: got 1/);
  }
  {
    await using _ = await served({ "README.md": "---\nconfigs: [\n---\n", "a.csv": "text\na\n" });
    await refused("hf:us/set", /README.md': has a head that is no YAML/);
  }
});

Deno.test("a text of a data set is a row a line, as its file is read everywhere", async () => {
  await using _ = await served({ "train.txt": "one\n\nthree\r\nfour" });
  assert.deepEqual(await texts("hf:us/set"), ["one", "three", "four"]);
  const choice = { source: "hf:us/set", rows: 3, keepBlankRows: true };
  const { documents, origin } = await readText(choice);
  assert.deepEqual(documents.map(({ text }) => text), ["one", "", "three"]);
  assert.deepEqual(origin.rows, { first: 0, read: 3, null: 0, blank: 0 });
});

Deno.test("splits are told by names as the Hub tells them", () => {
  const splits = (...paths: string[]) => Object.fromEntries(splitsByName(paths));
  // The cases of the Hub's own documentation.
  assert.deepEqual(splits("README.md", "data.csv"), { train: ["data.csv"] });
  assert.deepEqual(splits("train.csv", "test.csv", "testfile.csv"), {
    train: ["train.csv"],
    test: ["test.csv"],
  });
  assert.deepEqual(splits("data/my_train_file_1.csv", "my-eval.csv"), {
    train: ["data/my_train_file_1.csv"],
    test: ["my-eval.csv"],
  });
  assert.deepEqual(splits("data/train/a.csv", "data/train/b/c.csv", "data/dev/d.csv", "x.csv"), {
    train: ["data/train/a.csv", "data/train/b/c.csv"],
    validation: ["data/dev/d.csv"],
  });
  assert.deepEqual(
    splits(
      "data/train-00001-of-00002.csv",
      "data/train-00000-of-00002.csv",
      "data/random-00000-of-00001-1f.csv",
    ),
    {
      random: ["data/random-00000-of-00001-1f.csv"],
      train: ["data/train-00000-of-00002.csv", "data/train-00001-of-00002.csv"],
    },
  );
  assert.deepEqual(
    splits("c4-train.00000-of-01024.json.gz", "c4-validation.00000-of-00008.json.gz"),
    {
      train: ["c4-train.00000-of-01024.json.gz"],
      validation: ["c4-validation.00000-of-00008.json.gz"],
    },
  );
  assert.deepEqual(splits(".hidden/train.csv", "__pycache__/train.csv", "a.py", "LICENSE"), {});
});

Deno.test("patterns match as they do for Python", () => {
  const matches = (pattern: string, path: string) => globPattern(pattern)!.test(path);
  const cases: readonly [pattern: string, path: string, is: boolean][] = [
    ["*.csv", "a.csv", true],
    ["*.csv", "b/a.csv", false],
    ["./data/*", "data/a+b.csv", true],
    ["data/*", "data/c/a.csv", false],
    ["data/**", "data/c/a.csv", true],
    ["**/a.csv", "a.csv", true],
    ["**/a.csv", "b/c/a.csv", true],
    ["a?.csv", "ab.csv", true],
    ["a?.csv", "a/.csv", false],
    ["[a-c]*/x", "bd/x", true],
    ["[!a-c]*/x", "bd/x", false],
    ["a[", "a[", true],
    ["a.csv", "abcsv", false],
    ["[-._ 0-9]x", "-x", true],
    ["[-._ 0-9]x", "+x", false],
  ];
  for (const [pattern, path, is] of cases) {
    assert.equal(matches(pattern, path), is, `${pattern} ${path}`);
  }
  assert.equal(globPattern("data/**.csv"), null);
});
