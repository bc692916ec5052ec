/** Bytes of the Hub into the cache: parts, cuts, what an ended process left, and what is not as it was listed. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fetchFiles, streamFile, useHub } from "../../lib/checkpoint/hub/mod.ts";
import { HubError, OutputError } from "../../lib/util/errors.ts";
import { hubCase, someBytes } from "./hub_case.ts";

const WEIGHTS = "model.safetensors";
const bytes = someBytes(10_500);
const sha256 = createHash("sha256").update(bytes).digest("hex");
const repositories = { "us/m": { files: { [WEIGHTS]: bytes } } };
const incomplete = `models--us--m/blobs/${sha256}.incomplete`;

const read = (folder: string) => Deno.readFile(join(folder, WEIGHTS));

Deno.test("a large file comes in parts, none of them twice", async () => {
  await using all = await hubCase({ repositories }, { part: 1000 });
  assert.deepEqual(await read(await all.fetch("hf:us/m")), bytes);
  const ranges = all.hub.asked.filter(({ origin }) => origin === "files").map(({ range }) => range);
  const expected = Array.from({ length: 11 }, (_, part) => {
    return `bytes=${part * 1000}-${Math.min(bytes.length, part * 1000 + 1000) - 1}`;
  });
  assert.deepEqual(ranges.toSorted(), expected.toSorted());
  // The Hub says once where the parts are.
  assert.equal(all.hub.asked.filter(({ path }) => path.includes("/resolve/")).length, 1);
});

Deno.test("a connection that is cut goes on at the byte where it was cut", async () => {
  await using all = await hubCase({ repositories });
  all.hub.fail({ on: new RegExp(sha256), cut: 4000, times: 2 });
  assert.deepEqual(await read(await all.fetch("hf:us/m")), bytes);
  const ranges = all.hub.asked.filter(({ origin }) => origin === "files").map(({ range }) => range);
  assert.deepEqual(ranges, [null, "bytes=4000-10499", "bytes=8000-10499"]);
  assert.equal(all.waits.length, 2);
});

Deno.test("a server that cuts whatever it is asked is given up", async () => {
  await using all = await hubCase({ repositories });
  all.hub.fail({ on: new RegExp(sha256), cut: 0 });
  await assert.rejects(all.fetch("hf:us/m"), /HubError: .*tried 6 times.*connection/);
  assert.equal(all.waits.length, 5);
});

Deno.test("a run that is stopped leaves a beginning, and the next goes on from there", async () => {
  await using all = await hubCase({ repositories }, { part: 1000 });
  const controller = new AbortController();
  const onProgress = ({ bytes }: { bytes?: { done: number } }) => {
    if (bytes!.done >= 3000) controller.abort(new Error("stopped"));
  };
  const stopped = all.fetch("hf:us/m", undefined, { onProgress, signal: controller.signal });
  await assert.rejects(stopped, /^Error: stopped$/);
  const left = await Deno.readFile(join(all.cache, incomplete));
  assert.ok(left.length >= 3000 && left.length < bytes.length);
  assert.deepEqual(left, bytes.slice(0, left.length));
  assert.ok(!all.listing().some((path) => path.includes("snapshots")));
  const before = all.hub.asked.length;
  const resumed: (number | undefined)[] = [];
  const watch = {
    onProgress: (each: { bytes?: { resumed?: number } }) => {
      resumed.push(each.bytes?.resumed);
    },
  };
  assert.deepEqual(await read(await all.fetch("hf:us/m", undefined, watch)), bytes);
  assert.deepEqual([...new Set(resumed)], [left.length]);
  // Requests of the first run may come later than its end; what it has written nobody asks for.
  const starts = all.hub.asked.slice(before).flatMap(({ range }) => range?.match(/\d+/) ?? []);
  assert.ok(starts.includes(String(left.length)));
  assert.ok(starts.every((start) => Number(start) >= left.length));
});

Deno.test("an abort is heard while a server is silent", async () => {
  await using all = await hubCase({ repositories });
  const revision = await all.open("hf:us/m");
  all.hub.fail({ on: /resolve/, silent: true });
  const controller = new AbortController();
  const fetching = fetchFiles(revision, [WEIGHTS], { signal: controller.signal });
  const refused = assert.rejects(fetching, /^Error: stopped$/);
  controller.abort(new Error("stopped"));
  await refused;
});

for (
  const [left, content] of [
    ["spoilt", someBytes(4000, 5)],
    ["longer than the file", someBytes(20_000)],
    ["whole and spoilt", someBytes(10_500, 2)],
  ] as const
) {
  Deno.test(`what an earlier run left is fetched anew where it is ${left}`, async () => {
    await using all = await hubCase({ repositories });
    await Deno.mkdir(join(all.cache, "models--us--m", "blobs"), { recursive: true });
    await Deno.writeFile(join(all.cache, incomplete), content);
    assert.deepEqual(await read(await all.fetch("hf:us/m")), bytes);
    assert.ok(!all.listing().includes(incomplete));
  });
}

for (
  const [what, fault, message] of [
    ["other bytes", { wrong: true }, /another digest .*SHA-256/],
    ["a pointer of Git LFS", { pointer: true }, /a pointer of Git LFS/],
  ] as const
) {
  Deno.test(`${what} in the place of a file are refused, and nothing of them is kept`, async () => {
    await using all = await hubCase({ repositories });
    all.hub.fail({ on: /resolve|-Amz-/, ...fault });
    await assert.rejects(all.fetch("hf:us/m"), (error) => {
      assert.ok(error instanceof HubError);
      assert.match(error.message, message);
      return true;
    });
    const kept = all.listing().filter((path) =>
      !path.endsWith(".lock") && !path.endsWith(incomplete)
    );
    assert.deepEqual(kept, []);
  });
}

Deno.test("a listing that lies about a size is found out", async () => {
  for (const size of [10_499, 10_501]) {
    await using all = await hubCase({ repositories });
    all.hub.fail({ on: /\/tree\//, size });
    await assert.rejects(
      all.fetch("hf:us/m"),
      /is not the file that was listed.*expected 1050[19]|10499/,
    );
  }
});

Deno.test("a file of another commit is refused, of the same size or not", async () => {
  for (const other of [someBytes(10_500, 9), someBytes(10_400, 9)]) {
    const options = { files: { [WEIGHTS]: bytes }, revisions: { other: { [WEIGHTS]: other } } };
    await using all = await hubCase({ repositories: { "us/m": options } });
    const commit = all.hub.repositories.get("models/us/m")!.commitOf("other");
    all.hub.fail({ on: /resolve/, commit });
    await assert.rejects(all.fetch("hf:us/m"), HubError);
  }
});

Deno.test("a revision that moves after it was listed is read as it was listed", async () => {
  await using all = await hubCase({ repositories });
  const revision = await all.open("hf:us/m");
  all.hub.repositories.get("models/us/m")!.commit("main", { [WEIGHTS]: someBytes(10_500, 9) });
  assert.deepEqual(await read(await fetchFiles(revision, [WEIGHTS])), bytes);
  assert.notEqual((await all.open("hf:us/m")).commit, revision.commit);
});

Deno.test("a server that knows no ranges sends a file whole, from the start and to go on", async () => {
  await using all = await hubCase({ repositories }, { part: 1000 });
  all.hub.fail({ on: new RegExp(sha256), whole: true, cut: 3000, times: 1 });
  all.hub.fail({ on: new RegExp(sha256), whole: true });
  assert.deepEqual(await read(await all.fetch("hf:us/m")), bytes);
});

Deno.test("an address that has run out is asked for again", async () => {
  await using all = await hubCase({ repositories }, { part: 1000 });
  const revision = await all.open("hf:us/m");
  all.hub.fail({ on: new RegExp(`${sha256}.*Signature`), times: 1, cut: 1000 });
  all.hub.fail({ on: new RegExp(`${sha256}.*Signature`), times: 1, status: 403 });
  assert.deepEqual(await read(await fetchFiles(revision, [WEIGHTS])), bytes);
  assert.equal(all.hub.asked.filter(({ path }) => path.includes("/resolve/")).length, 2);
});

Deno.test("two who fetch one file at once ask for its bytes once", async () => {
  await using all = await hubCase({ repositories }, {
    wait: () => new Promise((go) => setTimeout(go)),
  });
  const revision = await all.open("hf:us/m");
  const folders = await Promise.all([0, 1].map(() => fetchFiles(revision, [WEIGHTS])));
  for (const folder of folders) assert.deepEqual(await read(folder), bytes);
  assert.equal(all.hub.asked.filter(({ origin }) => origin === "files").length, 1);
});

Deno.test("a disk that is full leaves nothing that looks whole, and the next run goes on", async () => {
  await using all = await hubCase({ repositories }, { part: 1000 });
  const { write } = Deno.FsFile.prototype;
  let left = 3500;
  Deno.FsFile.prototype.write = function (given: Uint8Array) {
    const fits = given.subarray(0, left);
    left -= fits.length;
    if (fits.length > 0) return write.call(this, fits);
    return Promise.reject(Object.assign(new Error("no space"), { code: "ENOSPC" }));
  };
  try {
    await assert.rejects(all.fetch("hf:us/m"), (error) => {
      assert.ok(error instanceof OutputError);
      assert.match(error.message, /no space is left on the disk.*free space/);
      return true;
    });
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  assert.deepEqual(all.listing().filter((path) => !path.endsWith(".lock")), [incomplete]);
  assert.deepEqual(await read(await all.fetch("hf:us/m")), bytes);
});

Deno.test("a stream gives a file's bytes over a cut, and keeps nothing", async () => {
  await using all = await hubCase({ repositories });
  const revision = await all.open("hf:us/m");
  all.hub.fail({ on: new RegExp(sha256), cut: 4000, times: 1 });
  const stream = await streamFile(revision, WEIGHTS);
  assert.deepEqual(new Uint8Array(await new Response(stream).arrayBuffer()), bytes);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(all.cache)).catch(() => []), []);
  await all.fetch("hf:us/m");
  const before = all.hub.asked.length;
  const cached = await streamFile(revision, WEIGHTS);
  assert.deepEqual(new Uint8Array(await new Response(cached).arrayBuffer()), bytes);
  assert.equal(all.hub.asked.length, before);
});

Deno.test("a stream of other bytes fails at its end", async () => {
  await using all = await hubCase({ repositories });
  all.hub.fail({ on: new RegExp(sha256), wrong: true });
  const stream = await streamFile(await all.open("hf:us/m"), WEIGHTS);
  await assert.rejects(new Response(stream).arrayBuffer(), /HubError: .*another digest/);
});

Deno.test("a stream that is left early ends its connection", async () => {
  await using all = await hubCase({
    repositories: { "us/m": { files: { [WEIGHTS]: someBytes(3e6) } } },
  });
  const revision = await all.open("hf:us/m");
  const stream = await streamFile(revision, WEIGHTS);
  for await (const part of stream) {
    assert.ok(part.length < 3e6);
    break;
  }
  using _ = useHub({ offline: "HF_HUB_OFFLINE" });
  await assert.rejects(
    streamFile(revision, WEIGHTS),
    /not in the cache, and HF_HUB_OFFLINE is set/,
  );
});
