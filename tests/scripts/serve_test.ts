/** The server as a program: a check, keys, a kill under load, and an end in order. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runTask, startTask } from "./run_script.ts";
import { servedPair } from "../server/http/toy_server.ts";

const pair = await servedPair();
const deltas = join(pair.folder, "deltas");
await Deno.mkdir(join(deltas, "own"), { recursive: true });
await Deno.copyFile(pair.delta, join(deltas, "fine.delta.safetensors"));
await Deno.copyFile(pair.delta, join(deltas, "own", "delta.safetensors"));
const places = ["--base", pair.base, "--deltas", deltas, "--device", "cpu", "--threads", "1"];

interface Line {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A server that listens: its log as it comes, and its process. */
async function started(more: readonly string[] = []) {
  const child = startTask("serve", [...places, "--port", "0", ...more]);
  const lines: Line[] = [];
  let heard = Promise.withResolvers<void>();
  const read = (async () => {
    let rest = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + part).split("\n");
      rest = parts.pop()!;
      lines.push(...parts.map((each) => JSON.parse(each)));
      heard.resolve();
      heard = Promise.withResolvers();
    }
    assert.equal(rest, "");
  })();
  const error = new Response(child.stderr).text();
  const event = async (name: string): Promise<Line> => {
    for (;;) {
      const found = lines.find((each) => each.event === name);
      if (found) return found;
      await Promise.race([heard.promise, read.then(async () => assert.fail(await error))]);
    }
  };
  const url = (await event("listening")).url as string;
  const end = async (signal: Deno.Signal) => {
    child.kill(signal);
    const { code } = await child.status;
    await read;
    return { code, error: await error, lines };
  };
  return { url, event, end };
}

const post = async (url: string, path: string, body: object) =>
  await fetch(url + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

Deno.test("a check asks each model once and leaves nothing", async () => {
  const { code, out, error } = await runTask("serve", [...places, "--check", "the cow"]);
  assert.deepEqual([code, error], [0, ""]);
  const lines = out.trim().split("\n").map((line) => line.split(": "));
  assert.deepEqual(lines.map(([name]) => name), ["base", "fine", "own"]);
  // Two tenants of one delta.
  assert.equal(lines[1][1], lines[2][1]);
  assert.deepEqual([...Deno.readDirSync(deltas)].map(({ name }) => name).sort(), [
    "fine.delta.safetensors",
    "own",
  ]);
});

Deno.test("a server that is killed under load has its tenants back, and ends in order when told", async () => {
  const first = await started();
  await (await post(first.url, "/v1/deltas", { source: "fine", id: "second", pinned: true }))
    .text();
  const load = Array.from({ length: 6 }, async (_, index) => {
    for (;;) {
      const model = ["base", "second", "own"][index % 3];
      const body = { model, prompt: "the cow", max_tokens: 40, stream: true, ignore_eos: true };
      try {
        const response = await post(first.url, "/v1/completions", body);
        await response.text();
        assert.equal(response.status, 200);
        const path = `${first.url}/v1/deltas/second/pin`;
        const method = index % 2 ? "POST" : "DELETE";
        if (index === 5) await (await fetch(path, { method })).text();
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        return;
      }
    }
  });
  await first.event("request");
  assert.equal((await first.end("SIGKILL")).code, 137);
  await Promise.all(load);
  const second = await started();
  await second.event("restored");
  const { data } = await (await fetch(`${second.url}/v1/deltas`)).json();
  const known = data.map(({ id, source }: { id: string; source: string }) => [id, source]);
  assert.deepEqual(known.toSorted(), [
    ["fine", "fine.delta.safetensors"],
    ["own", "own/delta.safetensors"],
    ["second", "fine.delta.safetensors"],
  ]);
  const body = { model: "second", prompt: "the cow", max_tokens: 60, ignore_eos: true };
  const running = await post(second.url, "/v1/completions", { ...body, stream: true });
  const ended = second.end("SIGTERM");
  assert.match(await running.text(), /data: \[DONE\]\n\n$/);
  const { code, error, lines } = await ended;
  assert.deepEqual([code, error], [0, ""]);
  assert.deepEqual(lines.slice(-1).map(({ event }) => event), ["ended"]);
  const names = [...Deno.readDirSync(deltas)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["fine.delta.safetensors", "manifest.json", "own"]);
});

Deno.test("a key is made, printed once and asked for", async () => {
  const keys = join(pair.folder, "keys.json");
  const make = [
    "--api-keys",
    keys,
    "--make-key",
    "alice",
    "--key-tenants",
    "own",
    "--key-tokens",
    "99",
  ];
  const { code, out } = await runTask("serve", make);
  assert.equal(code, 0);
  assert.match(out, /^sk-[\w-]{43}\n$/);
  const [entry] = JSON.parse(await Deno.readTextFile(keys)).keys;
  assert.deepEqual([entry.name, entry.tenants, entry.manages, entry.tokensPerMinute], [
    ...["alice", ["own"], false, 99],
  ]);
  assert.ok(!JSON.stringify(entry).includes(out.trim()));
  if (Deno.build.os !== "windows") assert.equal((await Deno.stat(keys)).mode! & 0o777, 0o600);
});

Deno.test("a folder that is missing is said before anything is loaded", async () => {
  const args = ["--base", pair.base, "--deltas", join(pair.folder, "none")];
  const { code, out, error } = await runTask("serve", args);
  assert.deepEqual([code, out], [2, ""]);
  assert.match(error, /^serve: file '.*none': is no folder; .*\n$/);
});
