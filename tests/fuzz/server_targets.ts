/** Requests to a server, and the files of its own that it reads. What a client is told counts as what is read. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { addKey, readKeys } from "../../lib/server/http/keys.ts";
import { Manifest } from "../../lib/server/http/manifest.ts";
import { InputError } from "../../lib/util/errors.ts";
import { servedPair, type ToyServer, toyServer } from "../server/http/toy_server.ts";
import type { Target } from "./target.ts";

let started: Promise<ToyServer> | null = null;

/** One server for all trials of a worker: it has to live through all of them. */
function server(): Promise<ToyServer> {
  const limits = { bodyMilliseconds: 200 };
  return started ??= servedPair().then((pair) => toyServer(pair, { limits }));
}

const ids = { max_tokens: 3, seed: 1 };
const completion = {
  ...ids,
  ...{ model: "alice", prompt: ["the cow", "jumped over"], n: 2, logprobs: 2, stop: ["x", "yz"] },
  ...{ temperature: 0.5, top_p: 0.9, logit_bias: { "5": 1 }, stop_token_ids: [9], top_k: 4 },
};
const chat = {
  ...ids,
  ...{ model: "bob", logprobs: true, top_logprobs: 1, stream: true, user: "someone" },
  ...{ stream_options: { include_usage: true }, tools: [], response_format: { type: "text" } },
  messages: [
    { role: "system", content: "be brief" },
    { role: "user", content: [{ type: "text", text: "the cow" }], name: "anna" },
  ],
};

const encoder = new TextEncoder();

/** Requests whose bodies are mutated. */
function bodyTarget(path: string, body: object): Target {
  const file = "body.json";
  return {
    name: `POST ${path}`,
    file,
    format: "json",
    sealed: false,
    make: (folder) => Deno.writeTextFile(join(folder, file), JSON.stringify(body)),
    read: async (folder) => {
      const { url } = await server();
      const response = await fetch(url + path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: await Deno.readFile(join(folder, file)),
      });
      const text = await response.text();
      if (response.ok) return text.replaceAll(/"(id|created)":("[^"]*"|\d+)/g, "");
      return refused(response.status, text);
    },
  };
}

/** A request that is mutated from its first byte on. */
const rawTarget: Target = {
  name: "bytes of a request",
  file: "request.http",
  format: "bytes",
  sealed: false,
  make: (folder) => {
    const body = JSON.stringify({ ...ids, model: "base", prompt: "the cow" });
    const head = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Deno.writeTextFile(join(folder, "request.http"), head + body);
  },
  read: async (folder) => {
    const { url } = await server();
    const { hostname, port } = new URL(url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const writer = connection.writable.getWriter();
    // Whatever is left open is ended by what follows.
    const rest = "\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    const bytes = [...await Deno.readFile(join(folder, "request.http")), ...encoder.encode(rest)];
    await writer.write(Uint8Array.from(bytes)).catch(() => {});
    const [head, body] = await firstResponse(connection);
    const status = Number(/^HTTP\/1\.[01] (\d{3}) /.exec(head)?.[1] ?? 400);
    if (status < 300) return body.replaceAll(/"(id|created)":("[^"]*"|\d+)/g, "");
    // Some are refused before they are requests, without a body.
    return refused(status, body === "" ? '{"error":{"message":"no request"}}' : body);
  },
};

/** Head and body; of a connection that is reset nothing, which is as good as a refusal. */
async function firstResponse({ readable }: Deno.Conn): Promise<[head: string, body: string]> {
  let text = "";
  const parts = readable.pipeThrough(new TextDecoderStream("latin1")).getReader();
  for (;;) {
    const { done, value } = await parts.read().catch(() => ({ done: true, value: "" }));
    text += value ?? "";
    const at = text.indexOf("\r\n\r\n");
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Infinity);
    const [head, body] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 4)];
    if (done || at >= 0 && body.length >= length) return [head, body.slice(0, length)];
  }
}

const manifestTarget: Target = {
  name: "manifest.json",
  file: "manifest.json",
  format: "json",
  sealed: false,
  make: (folder) => {
    const tenants = ["a", "b/c"].map((name) => ({
      ...{ name, source: `${name}.safetensors`, pinned: false, loaded: true },
    }));
    const text = JSON.stringify({ version: 1, tenants });
    return Deno.writeTextFile(join(folder, "manifest.json"), text);
  },
  read: async (folder) => {
    using manifest = await Manifest.open(join(folder, "manifest.json"));
    return JSON.stringify(manifest.entries);
  },
};

const keysTarget: Target = {
  name: "keys.json",
  file: "keys.json",
  format: "json",
  sealed: false,
  make: async (folder) => {
    await addKey(join(folder, "keys.json"), { name: "a", tenants: ["b"], tokensPerMinute: 5 });
  },
  read: async (folder) => JSON.stringify(await readKeys(join(folder, "keys.json"))),
};

/** All of them. */
export const serverTargets: readonly Target[] = [
  bodyTarget("/v1/completions", completion),
  bodyTarget("/v1/chat/completions", chat),
  bodyTarget("/v1/deltas", { source: "alice", id: "carol", pinned: false }),
  rawTarget,
  manifestTarget,
  keysTarget,
];

/** @throws {InputError} of what a client is told; what it cannot act on is no refusal. */
function refused(status: number, text: string): never {
  const { error } = JSON.parse(text);
  assert.ok(status >= 400 && status < 500, `${status}: ${text}`);
  throw new InputError({ problem: error.message, expected: "another request" });
}
