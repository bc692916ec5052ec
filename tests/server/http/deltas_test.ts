/** Tenants that are loaded, pinned, deleted and brought back; and names that lead nowhere else. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeDelta } from "../../../lib/delta/delta_writer.ts";
import { withMetadata } from "../../../lib/delta/delta.ts";
import { openDelta } from "../../../lib/delta/delta_file.ts";
import { useHub } from "../../../lib/checkpoint/hub/mod.ts";
import { hubCase } from "../../hub/hub_case.ts";
import { servedPair, type ToyServer, toyServer } from "./toy_server.ts";

const pair = await servedPair();

interface Card {
  readonly id: string;
  readonly loaded: boolean;
  readonly pinned: boolean;
  readonly [field: string]: unknown;
}

async function listed(
  { url }: ToyServer,
): Promise<Record<string, [loaded: boolean, pinned: boolean]>> {
  const { data } = await (await fetch(`${url}/v1/deltas`)).json() as { data: Card[] };
  return Object.fromEntries(data.map(({ id, loaded, pinned }) => [id, [loaded, pinned]]));
}

const ask = async ({ url }: ToyServer, method: string, path: string) =>
  await (await fetch(`${url}/v1/deltas/${path}`, { method })).json();

/** What the manifest says, as another server would read it. */
async function kept({ folder }: ToyServer): Promise<unknown> {
  return JSON.parse(await Deno.readTextFile(join(folder, "manifest.json"))).tenants;
}

Deno.test("a delta is loaded by name, by path and under a name of its own", async () => {
  await using server = await toyServer(pair);
  assert.deepEqual(await listed(server), { alice: [false, false], bob: [false, false] });
  const load = async (body: object) => await (await server.post("/v1/deltas", body)).json();
  const card = await load({ source: "bob" });
  const { id, loaded, parent, method, source, bytes } = card;
  assert.deepEqual([id, loaded, parent, method, source, bytes], [
    ...["bob", true, "base", "initial", "bob/delta.safetensors", 1000],
  ]);
  assert.ok(card.bits > 1 && card.bits < 8, card.bits);
  assert.equal((await load({ source: "alice.safetensors", id: "team/a" })).id, "team/a");
  const found = await fetch(`${server.url}/v1/models/team%2Fa`);
  assert.equal((await found.json()).id, "team/a");
  // A delta may be two tenants, but a name is one delta's.
  const taken = await server.post("/v1/deltas", { source: "alice", id: "bob" });
  assert.equal(taken.status, 409);
  assert.equal((await server.post("/v1/deltas", { source: "alice", id: "base" })).status, 409);
  assert.equal((await server.post("/v1/deltas", { source: "alice", id: "../x" })).status, 400);
});

Deno.test("no source leads out of the folder of deltas", async () => {
  await using server = await toyServer(pair);
  const { folder } = server;
  const outside = await Deno.makeTempDir({ dir: pair.folder });
  await Deno.copyFile(pair.delta, join(outside, "delta.safetensors"));
  await Deno.symlink(outside, join(folder, "linked"));
  await Deno.symlink(pair.delta, join(folder, "out.safetensors"));
  await Deno.symlink("alice.safetensors", join(folder, "within.safetensors"));
  const sources = [
    ...[
      "../delta.safetensors",
      "..",
      "bob/../../delta.safetensors",
      "bob/../alice",
      "./alice",
      ".",
    ],
    ...[pair.delta, `${folder}/alice.safetensors`, "/etc/passwd", "file:///etc/passwd", "~/x"],
    ...["alice.safetensors\0", "alice\0.safetensors", "%2e%2e/delta", "..%2fdelta", "..\\delta"],
    ...["linked", "linked/delta.safetensors", "out", "out.safetensors", "manifest.json", "bob/"],
    ...["", "a".repeat(5000), "bob//delta.safetensors", "nobody", "hf:owner/name", "hf:../../x"],
  ];
  for (const source of sources) {
    const response = await server.post("/v1/deltas", { source });
    const { error } = await response.json();
    const isHub = source.startsWith("hf:");
    assert.equal(response.status, isHub ? 403 : 404, source);
    assert.equal(error.param, "source");
    assert.ok(!error.message.includes(pair.folder) || source.includes(pair.folder), error.message);
  }
  assert.deepEqual(Object.keys(await listed(server)), ["alice", "bob"]);
  assert.equal((await server.post("/v1/deltas", { source: "within" })).status, 200);
  const paths = ["..%2f..%2fdelta", "%00", "%2e%2e", "nobody", "%ff"];
  for (const path of paths) {
    for (const [method, end] of [["DELETE", ""], ["POST", "/pin"]]) {
      const response = await fetch(`${server.url}/v1/deltas/${path}${end}`, { method });
      assert.equal(response.status, 404, path);
      await response.body!.cancel();
    }
  }
});

Deno.test("deltas that are cut, or of another base, are refused, and nothing is left of them", async () => {
  await using server = await toyServer(pair);
  const bytes = await Deno.readFile(pair.delta);
  const at = (name: string) => join(server.folder, `${name}.safetensors`);
  await Deno.writeFile(at("cut"), bytes.subarray(0, bytes.length - 100));
  await Deno.writeFile(at("short"), bytes.subarray(0, 20));
  await Deno.writeFile(at("empty"), new Uint8Array());
  await Deno.writeFile(
    at("flipped"),
    bytes.map((byte, index) => index === bytes.length - 9 ? byte ^ 4 : byte),
  );
  using delta = await openDelta(pair.delta);
  const other = withMetadata(delta, { ...delta.metadata, baseHash: delta.metadata.fineHash });
  await writeDelta(at("other"), other);
  for (const source of ["cut", "short", "empty", "flipped", "other"]) {
    const response = await server.post("/v1/deltas", { source });
    const { error } = await response.json();
    assert.deepEqual([response.status, error.code], [400, "delta_refused"], source);
    assert.ok(!error.message.includes(server.folder), error.message);
  }
  assert.deepEqual(Object.keys(await listed(server)), ["alice", "bob"]);
});

Deno.test("what is loaded and pinned is back after a restart, whatever ended the server", async () => {
  let folder: string;
  {
    await using server = await toyServer(pair);
    ({ folder } = server);
    await server.post("/v1/deltas", { source: "alice", id: "a", pinned: true });
    await server.post("/v1/deltas", { source: "bob" });
    assert.deepEqual((await ask(server, "POST", "alice/pin")).pinned, true);
    // Each answer stands on the disk already: this is what a kill leaves.
    assert.deepEqual(await kept(server), [
      { name: "alice", source: "alice.safetensors", pinned: true, loaded: false },
      { name: "bob", source: "bob/delta.safetensors", pinned: false, loaded: true },
      { name: "a", source: "alice.safetensors", pinned: true, loaded: true },
    ]);
    await assert.rejects(toyServer(pair, { folder }), /is in use by another server/);
  }
  await Deno.writeTextFile(join(folder, "manifest.json.0123456789abcdef.bitdelta.part"), "{ half");
  {
    await using server = await toyServer(pair, { folder });
    assert.ok([...Deno.readDirSync(folder)].every(({ name }) => !name.endsWith(".part")));
    const all = { alice: [false, true], bob: [true, false], a: [true, true] };
    assert.deepEqual(await listed(server), all);
    assert.equal((await ask(server, "DELETE", "a")).deleted, true);
    assert.equal((await ask(server, "DELETE", "alice/pin")).pinned, false);
    server.directory.evict("bob");
    await ask(server, "POST", "bob/pin");
  }
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["alice.safetensors", "bob", "manifest.json"]);
  await using server = await toyServer(pair, { folder });
  assert.deepEqual(await listed(server), { alice: [false, false], bob: [false, true] });
});

Deno.test("a tenant that cannot be brought back is told of and stays in the manifest", async () => {
  let folder: string;
  {
    await using server = await toyServer(pair);
    ({ folder } = server);
    for (const source of ["alice", "bob"]) await server.post("/v1/deltas", { source });
  }
  const away = join(pair.folder, "away.safetensors");
  await Deno.rename(join(folder, "alice.safetensors"), away);
  {
    await using server = await toyServer(pair, { folder });
    const [line] = server.lines.filter(({ event }) => event === "not restored");
    assert.equal(line.tenant, "alice");
    assert.deepEqual(await listed(server), { bob: [true, false] });
    // Changes of others leave it where it is.
    await ask(server, "POST", "bob/pin");
  }
  await Deno.rename(away, join(folder, "alice.safetensors"));
  await using server = await toyServer(pair, { folder });
  assert.deepEqual(await listed(server), { alice: [true, false], bob: [true, true] });
});

Deno.test("one that is pinned before it could be brought back is pinned by the next start too", async () => {
  let folder: string;
  {
    await using server = await toyServer(pair);
    ({ folder } = server);
    await server.post("/v1/deltas", { source: "alice" });
  }
  const path = join(folder, "alice.safetensors");
  const delta = await Deno.readFile(path);
  await Deno.writeFile(path, delta.subarray(0, 100));
  {
    await using server = await toyServer(pair, { folder });
    assert.ok(server.lines.some(({ event }) => event === "not restored"));
    assert.equal((await ask(server, "POST", "alice/pin")).pinned, true);
  }
  await Deno.writeFile(path, delta);
  await using server = await toyServer(pair, { folder });
  assert.deepEqual((await listed(server)).alice, [true, true]);
});

Deno.test("a delta of the Hub is fetched where that is allowed, and is back without a network", async () => {
  const files = { "delta.safetensors": await Deno.readFile(pair.delta) };
  await using at = await hubCase({ repositories: { "us/delta": { files } } });
  let folder: string;
  {
    await using server = await toyServer(pair, { allowHub: true });
    ({ folder } = server);
    const response = await server.post("/v1/deltas", { source: "hf:us/delta" });
    const { id, source } = await response.json();
    assert.equal(id, "us/delta");
    assert.match(source, /^hf:us\/delta@[0-9a-f]{40}\/delta\.safetensors$/);
    assert.ok((await fetch(`${server.url}/v1/models/us/delta`)).ok);
    const missing = await server.post("/v1/deltas", { source: "hf:us/nothing" });
    assert.equal((await missing.json()).error.code, "model_not_found");
    at.hub.fail({ on: /./, status: 500 });
    const failing = await server.post("/v1/deltas", { source: "hf:us/other" });
    assert.equal((await failing.json()).error.code, "hub_unavailable");
  }
  using _ = useHub({ cache: at.cache, offline: "HF_HUB_OFFLINE" });
  await using server = await toyServer(pair, { folder, allowHub: true });
  assert.deepEqual((await listed(server))["us/delta"], [true, false]);
});

Deno.test("a manifest that is none is not written over", async () => {
  let folder: string;
  {
    await using server = await toyServer(pair);
    ({ folder } = server);
  }
  const path = join(folder, "manifest.json");
  for (
    const text of ["{", '{"version":2,"tenants":[]}', '{"version":1,"tenants":[{"name":"../x"}]}']
  ) {
    await Deno.writeTextFile(path, text);
    await assert.rejects(toyServer(pair, { folder }), /manifest/);
    assert.equal(await Deno.readTextFile(path), text);
  }
});

Deno.test("what cannot be kept is said, and goes on being true of memory alone", async () => {
  await using server = await toyServer(pair);
  // A folder in its place, which no file takes.
  await Deno.remove(join(server.folder, "manifest.json"));
  await Deno.mkdir(join(server.folder, "manifest.json"));
  const response = await server.post("/v1/deltas", { source: "alice" });
  assert.equal((await response.json()).error.code, "internal_error");
  assert.equal(response.status, 500);
  assert.deepEqual((await listed(server)).alice, [true, false]);
  await Deno.remove(join(server.folder, "manifest.json"));
  assert.ok((await ask(server, "POST", "bob/pin")).pinned);
  assert.equal((await kept(server) as unknown[]).length, 2);
});

Deno.test("one that runs is deleted: its stream comes to its end, and no other begins", async () => {
  await using server = await toyServer(pair);
  const { promise, resolve } = Promise.withResolvers<void>();
  let turns = 0;
  server.taker.turn = () => turns++ < 2 ? Promise.resolve() : promise;
  const body = { model: "alice", prompt: "the cow", max_tokens: 9, stream: true };
  const running = await server.post("/v1/completions", body);
  await ask(server, "DELETE", "alice");
  const response = await server.post("/v1/completions", body);
  assert.equal(response.status, 404);
  await response.body!.cancel();
  resolve();
  assert.ok((await running.text()).endsWith("data: [DONE]\n\n"));
});
