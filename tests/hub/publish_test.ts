/** Publishing on the loopback Hub: what is sent, what is sent once, and what each refusal says. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { useHub } from "../../lib/checkpoint/hub/mod.ts";
import { planPublication } from "../../lib/checkpoint/hub/publish/publication.ts";
import { publish, type PublishOptions } from "../../lib/checkpoint/hub/publish/publish.ts";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { publishedFiles } from "../../lib/delta/publishing/published_files.ts";
import {
  CheckpointError,
  DeltaError,
  HubError,
  InputError,
  OptionError,
  OutputError,
} from "../../lib/util/errors.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { saveTiny, temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { withLowRank } from "../codecs/low_rank.ts";
import { mixedDelta } from "../delta/mixed_delta.ts";
import { UploadHub, type UploadOptions } from "./upload_routes.ts";

const token = "hf_secretOfTheTests";

/** A Hub, a folder with a delta and a cache, and settings that lead there. */
async function publishing(options: Partial<UploadOptions> = {}) {
  const opened = new AsyncDisposableStack();
  const upload = opened.use(await UploadHub.start({ token, ...options }));
  const { path: folder } = opened.use(await temporaryFolder());
  opened.use(withLowRank());
  const waits: number[] = [];
  const wait = (milliseconds: number) => {
    waits.push(milliseconds);
    return Promise.resolve();
  };
  const { endpoint } = upload.hub;
  const cache = join(folder, "cache");
  opened.use(useHub({ endpoint, cache, token, offline: null, wait }));
  const delta = join(folder, "mine.delta.safetensors");
  const digest = await writeDelta(delta, mixedDelta());
  const send = async (source = delta, given: PublishOptions & { card?: string } = {}) => {
    const { files } = await publishedFiles(source, given);
    return await publish(await planPublication(files, "me/delta", "main", given), given);
  };
  const dispose = () => opened.disposeAsync();
  return { upload, folder, delta, digest, send, waits, [Symbol.asyncDispose]: dispose };
}

Deno.test("what is published is what its name opens, and is sent once", async () => {
  await using at = await publishing();
  const card = join(at.folder, "card.md");
  await Deno.writeTextFile(card, "# A delta\n");
  const first = await at.send(at.delta, { card, isPrivate: true });
  assert.equal(first.page, `${at.upload.hub.endpoint}/me/delta`);
  assert.deepEqual([first.isNew, first.sent.files], [true, 2]);
  const repository = at.upload.hub.repositories.get("models/me/delta")!;
  assert.ok(repository.options.private);
  assert.equal(repository.commitOf("main"), first.commit);
  assert.deepEqual(at.upload.commits.map(({ summary, paths }) => [summary, paths]), [[
    "Add mine.delta.safetensors and 1 more",
    ["mine.delta.safetensors", "README.md"],
  ]]);
  const { size } = await Deno.stat(at.delta);
  assert.equal(at.upload.received, size);
  const before = at.upload.hub.asked.length;
  const second = await at.send(at.delta, { card });
  assert.deepEqual([second.isNew, second.sent.files, second.commit], [false, 0, first.commit]);
  const asked = at.upload.hub.asked.slice(before);
  assert.deepEqual([...new Set(asked.map(({ method }) => method))], ["GET"]);
  // A private repository, which the token opens.
  using delta = await openDelta("hf:me/delta");
  assert.equal(delta.digest, at.digest);
  using named = await openDelta("hf:me/delta@main/mine.delta.safetensors");
  assert.equal(named.digest, at.digest);
});

Deno.test("a saved model is published with what belongs to it, and with nothing else", async () => {
  await using at = await publishing();
  const model = join(at.folder, "model");
  await saveTiny(model);
  const texts = {
    "README.md": "# A model\n",
    "LICENSE": "MIT",
    "generation_config.json": "{}",
    ".env": "HF_TOKEN=secret",
    "token": token,
    "notes.txt": "private",
    "model.safetensors.1a2b.part": "half",
    "optimizer.pt": "large",
  };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(join(model, name), text);
  }
  await Deno.mkdir(join(model, ".git"));
  const { files, left, kind } = await publishedFiles(model);
  assert.equal(kind, "checkpoint");
  const sent = ["LICENSE", "README.md", "config.json", "generation_config.json"];
  assert.deepEqual(files.map(({ path }) => path), [...sent, "model.safetensors"]);
  assert.deepEqual(left, [
    ".env",
    ".git",
    "model.safetensors.1a2b.part",
    "notes.txt",
    "optimizer.pt",
    "token",
  ]);
  const { isNew } = await at.send(model);
  assert.ok(isNew);
  using here = await Checkpoint.open(model);
  using there = await Checkpoint.open("hf:me/delta");
  assert.equal(await there.hash(), await here.hash());
});

Deno.test("an adapter is published as its two files and what is said of it", async () => {
  await using at = await publishing();
  const folder = join(at.folder, "adapter");
  await Deno.mkdir(folder);
  await Deno.writeTextFile(join(folder, "adapter_config.json"), '{"peft_type":"LORA"}');
  await Deno.writeTextFile(join(folder, "README.md"), "# An adapter\n");
  await Deno.writeTextFile(join(folder, "notes.txt"), "private");
  await assert.rejects(at.send(folder), /adapter_model\.safetensors/);
  const bytes = new Uint8Array(8);
  const weights = join(folder, "adapter_model.safetensors");
  await writeSafetensors(weights, [{ name: "a", dtype: "F32", shape: [2], bytes }]);
  const { kind, left } = await publishedFiles(folder);
  assert.deepEqual([kind, left], ["adapter", ["notes.txt"]]);
  await at.send(folder);
  const sent = ["README.md", "adapter_config.json", "adapter_model.safetensors"];
  assert.deepEqual(at.upload.commits[0].paths, sent);
});

Deno.test("a large file goes in parts, and its bytes are counted as they leave", async () => {
  await using at = await publishing({ partSize: 3000 });
  const { size } = await Deno.stat(at.delta);
  const reports: Progress[] = [];
  const onProgress = (progress: Progress) => void reports.push(progress);
  await at.send(at.delta, { onProgress });
  const sending = reports.filter(({ label }) => label === "sending mine.delta.safetensors");
  assert.equal(sending.at(-1)!.bytes!.done, size);
  assert.ok(sending.some(({ bytes }) => bytes!.done > 0 && bytes!.done < size));
  const { done, total } = reports.at(-1)!.bytes!;
  assert.ok(done === total && total > size);
  const puts = at.upload.hub.asked.filter(({ method }) => method === "PUT");
  assert.equal(puts.length, Math.ceil(size / 3000));
  assert.equal(at.upload.received, size);
  assert.ok(puts.every(({ hasToken }) => !hasToken));
  using delta = await openDelta("hf:me/delta");
  assert.equal(delta.digest, at.digest);
});

Deno.test("a file goes in chunks where the Hub asks for them, and comes back whole", async () => {
  await using at = await publishing({ isChunked: true });
  const text = "One line, again and again.\n".repeat(9000);
  const model = join(at.folder, "model");
  await saveTiny(model, { config: { ...TINY_CONFIG, vocabularySize: 9000 } });
  await Deno.writeTextFile(join(model, "README.md"), text);
  const reports: Progress[] = [];
  const onProgress = (progress: Progress) => void reports.push(progress);
  await at.send(model, { onProgress });
  const { size } = await Deno.stat(join(model, "model.safetensors"));
  assert.ok(size > 5e5 && at.upload.chunks.received > 0);
  assert.equal(at.upload.received, 0);
  assert.ok(reports.some(({ label }) => label === "sending model.safetensors"));
  using here = await Checkpoint.open(model);
  using there = await Checkpoint.open("hf:me/delta");
  assert.equal(await there.hash(), await here.hash());
  assert.equal((await at.send(model)).sent.files, 0);
});

Deno.test("what passes is tried again: a busy Hub, a store that fails", async () => {
  await using at = await publishing({ partSize: 5000 });
  at.upload.hub.fail({ on: /preupload/, times: 1, status: 429, headers: { "Retry-After": "7" } });
  at.upload.hub.fail({ on: /^\/lfs\/\w+\/2/, times: 2, status: 503 });
  at.upload.hub.fail({ on: /\/commit\/main/, times: 1, status: 500 });
  await at.send();
  assert.equal(at.waits[0], 7000);
  assert.equal(at.waits.length, 4);
  const puts = at.upload.hub.asked.filter(({ method }) => method === "PUT");
  const count = Math.ceil((await Deno.stat(at.delta)).size / 5000);
  assert.equal(puts.length, count + 2);
  assert.equal(at.upload.commits.length, 1);
});

Deno.test("a connection that is cut while a file is sent is made again", async () => {
  await using at = await publishing();
  await using cutting = cuttingProxy(at.upload.hub.fileOrigin);
  Object.defineProperty(at.upload.hub, "fileOrigin", { value: cutting.origin });
  await at.send();
  assert.equal(cutting.connections(), 2);
  using delta = await openDelta("hf:me/delta");
  assert.equal(delta.digest, at.digest);
});

/** Ends the first connection after its first bytes, and hands on the others. */
function cuttingProxy(to: string): AsyncDisposable & { origin: string; connections(): number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let count = 0;
  const open = new Set<Deno.TcpConn>();
  const serve = async () => {
    for await (const connection of listener) {
      open.add(connection);
      if (count++ === 0) {
        await connection.read(new Uint8Array(100));
        connection.close();
        continue;
      }
      const { hostname, port } = new URL(to);
      const store = await Deno.connect({ hostname, port: Number(port) });
      open.add(store);
      connection.readable.pipeTo(store.writable).catch(() => {});
      store.readable.pipeTo(connection.writable).catch(() => {});
    }
  };
  const served = serve();
  return {
    origin: `http://127.0.0.1:${listener.addr.port}`,
    connections: () => count,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const connection of open) {
        try {
          connection.close();
        } catch {
          // Its stream has closed it.
        }
      }
      await served;
    },
  };
}

const refusals: [on: RegExp, status: number, says: RegExp][] = [
  [
    /repos\/create/,
    401,
    /cannot be created: got 'status 401'; .*HF_TOKEN, made at .*\/settings\/tokens/,
  ],
  [/repos\/create/, 403, /cannot be created: .* token in HF_TOKEN that may write for 'me'/],
  [/preupload/, 413, /cannot be committed to: got 'status 413'; expected files that the Hub takes/],
  [/preupload/, 404, /'hf:me\/delta@main': cannot be committed to: .*HF_ENDPOINT/],
  [/commit\/main/, 412, /nobody else to write there meanwhile; run the same command again/],
  [/commit\/main/, 422, /a name and files that the Hub allows/],
  [/^\/lfs\//, 403, /files cannot be sent: .*an address that has not run out/],
  [/^\/lfs\//, 500, /cannot be sent, tried 6 times: got '.* answers 500'/],
];

for (const [on, status, says] of refusals) {
  Deno.test(`${status} of ${on.source} is one line that says what helps, and nothing is committed`, async () => {
    await using at = await publishing();
    at.upload.hub.fail({ on, status, body: JSON.stringify({ error: `no, ${token}` }) });
    await assert.rejects(at.send(), (error: Error) => {
      assert.ok(error instanceof HubError, `${error}`);
      assert.match(error.message, says);
      return !error.message.includes("\n") && !`${error.stack}`.includes(token);
    });
    assert.deepEqual(at.upload.commits, []);
  });
}

Deno.test("another repository's files stay unless they are to give way", async () => {
  await using at = await publishing();
  at.upload.hub.add("me/delta", {
    files: { LICENSE: "theirs", "mine.delta.safetensors": "x" },
  });
  const commit = at.upload.hub.repositories.get("models/me/delta")!.commitOf("main");
  await assert.rejects(at.send(), (error: Error) => {
    assert.ok(error instanceof OutputError);
    return /\/me\/delta': has a file of other content: got \['mine\.delta\.safetensors'\]/.test(
      error.message,
    );
  });
  assert.deepEqual(at.upload.received, 0);
  await at.send(at.delta, { force: true, message: "Mine" });
  const [{ summary, parentCommit, paths }] = at.upload.commits;
  const both = ["mine.delta.safetensors", "README.md"];
  assert.deepEqual([summary, parentCommit, paths], ["Mine", commit, both]);
  // What is not replaced stays.
  const files = at.upload.hub.repositories.get("models/me/delta")!;
  assert.ok(files.commits.get(files.commitOf("main")!)!.has("LICENSE"));
});

Deno.test("a branch that is not there is made", async () => {
  await using at = await publishing();
  await at.send();
  const { files } = await publishedFiles(at.delta);
  const plan = await planPublication(files, "hf:me/delta", "v2", {});
  assert.deepEqual([plan.exists, plan.commit], [true, null]);
  await publish(plan);
  assert.equal(at.upload.commits.at(-1)!.branch, "v2");
});

Deno.test("what does not open is refused before anything is asked", async () => {
  await using at = await publishing();
  const bytes = await Deno.readFile(at.delta);
  bytes[bytes.length - 1] ^= 1;
  await Deno.writeFile(at.delta, bytes);
  await assert.rejects(at.send(), DeltaError);
  await Deno.writeTextFile(at.delta, "no delta");
  await assert.rejects(at.send(), InputError);
  const model = join(at.folder, "model");
  await saveTiny(model);
  const outside = join(at.folder, "outside.json");
  await Deno.writeTextFile(outside, "{}");
  await Deno.symlink(outside, join(model, "generation_config.json"));
  await assert.rejects(
    at.send(model),
    (error: Error) =>
      error instanceof CheckpointError && /is a link that leaves its folder/.test(error.message),
  );
  await Deno.remove(join(model, "config.json"));
  await assert.rejects(at.send(model), InputError);
  assert.deepEqual(at.upload.hub.asked, []);
});

Deno.test("without a token, or with the network forbidden, nothing is asked", async () => {
  await using at = await publishing();
  {
    using _ = useHub({ token: null });
    await assert.rejects(
      at.send(),
      (error: Error) =>
        error instanceof OptionError && /'HF_TOKEN': .* got 'nothing'/.test(error.message),
    );
  }
  {
    using _ = useHub({ offline: "HF_HUB_OFFLINE" });
    await assert.rejects(at.send(), /'HF_HUB_OFFLINE': forbids to ask the network/);
  }
  for (const to of ["delta", "me/delta/file", "me/delta@v2", "../x"]) {
    await assert.rejects(planPublication([], to, "main"), OptionError, to);
  }
  assert.deepEqual(at.upload.hub.asked, []);
});

Deno.test("a wrong address, and a token for another owner, are said to be that", async () => {
  await using at = await publishing({ owners: ["us"] });
  await assert.rejects(at.send(), /token in HF_TOKEN that may write for 'me'/);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using _ = useHub({ endpoint: `http://127.0.0.1:${listener.addr.port}` });
  listener.close();
  await assert.rejects(at.send(), /cannot be sent, tried 6 times: got '127\.0\.0\.1:\d+ refuses/);
});

Deno.test("a file that changes while it is sent is refused, and nothing is committed", async () => {
  await using at = await publishing();
  const { files } = await publishedFiles(at.delta);
  const plan = await planPublication(files, "me/delta", "main", {});
  await Deno.truncate(at.delta, 100);
  await assert.rejects(
    publish(plan),
    (error: Error) =>
      error instanceof OutputError && /has changed since it was looked at/.test(error.message),
  );
  assert.deepEqual(at.upload.commits, []);
});

Deno.test("publishing stops when it is told to, and nothing is committed", async () => {
  await using at = await publishing({ partSize: 2000 });
  const controller = new AbortController();
  const onProgress = ({ label, bytes }: Progress) => {
    if (label.startsWith("sending") && bytes!.done > 0) controller.abort(new Error("enough"));
  };
  await assert.rejects(
    at.send(at.delta, { onProgress, signal: controller.signal }),
    /^Error: enough$/,
  );
  assert.deepEqual(at.upload.commits, []);
  // What was sent whole is there, and is not sent again.
  const whole = createHash("sha256").update(await Deno.readFile(at.delta)).digest("hex");
  await at.send();
  assert.ok(await Deno.stat(join(at.upload.folder, whole)));
});
