/** Clients that are slow, stop or go away, and a server that is told to end. */

import assert from "node:assert/strict";
import { ApiError } from "../../../lib/server/http/api_error.ts";
import { eventResponse } from "../../../lib/server/http/events.ts";
import { servedPair, type ToyServer, toyServer } from "./toy_server.ts";

const pair = await servedPair();
const body = { model: "base", prompt: "the cow jumped over", max_tokens: 400, seed: 0 };

/** Sends bytes as they are. */
async function connect({ url }: ToyServer): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  return await Deno.connect({ hostname, port: Number(port) });
}

const send = async (connection: Deno.Conn, text: string) => {
  const writer = connection.writable.getWriter();
  await writer.write(new TextEncoder().encode(text));
  writer.releaseLock();
};

/** The head of a request for a completion. */
const head = (length: number) =>
  `POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

/** Resolves when nothing runs any more. */
async function idle({ taker }: ToyServer): Promise<void> {
  while (taker.statistics().running > 0) await new Promise((done) => setTimeout(done));
}

Deno.test("a body that does not come in time is given up", async () => {
  await using server = await toyServer(pair, { limits: { bodyMilliseconds: 20 } });
  using connection = await connect(server);
  await send(connection, head(100) + "{");
  const { value } = await connection.readable.getReader().read();
  assert.match(new TextDecoder().decode(value), /^HTTP\/1\.1 408 /);
  const line = server.lines.find(({ status }) => status === 408)!;
  assert.equal(line.code, "request_timeout");
});

Deno.test("a body that says it is large is refused unread, and one that is as it comes", async () => {
  await using server = await toyServer(pair);
  using connection = await connect(server);
  await send(connection, head(100 << 20));
  const part = await connection.readable.getReader().read();
  assert.match(new TextDecoder().decode(part.value), /^HTTP\/1\.1 413 /);
  let sent = 0;
  const endless = new ReadableStream({
    pull(controller) {
      sent += 1 << 20;
      if (sent > 100 << 20) controller.close();
      else controller.enqueue(new Uint8Array(1 << 20).fill(32));
    },
  });
  const headers = { "Content-Type": "application/json" };
  const asked = fetch(`${server.url}/v1/completions`, { method: "POST", headers, body: endless });
  const status = await asked.then(
    (response) => (response.body?.cancel(), response.status),
    () => 413,
  );
  assert.equal(status, 413);
  assert.ok(sent < 50 << 20, `${sent} bytes were taken`);
  assert.equal(server.lines.at(-1)!.code, "request_too_large");
});

Deno.test("a client that goes away before its answer is whole ends its requests", async () => {
  await using server = await toyServer(pair);
  server.taker.turn = () => new Promise((done) => setTimeout(done));
  for (const stream of [false, true]) {
    const gone = new AbortController();
    const asked = fetch(`${server.url}/v1/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...body, n: 2, max_tokens: 480, stream }),
      signal: gone.signal,
    });
    if (stream) await asked;
    else {while (server.taker.statistics().running < 2) {
        await new Promise((done) => setTimeout(done));
      }}
    gone.abort();
    await asked.then((response) => response.text()).catch(() => {});
    await idle(server);
  }
  assert.equal(server.taker.left, 4);
  const codes = server.lines.filter(({ event }) => event === "request").map(({ code }) => code);
  assert.deepEqual(codes, ["client_closed_request", "client_closed_request"]);
});

Deno.test("a stream that nobody reads is ended, and what makes it is told why", async () => {
  const { promise, resolve } = Promise.withResolvers<ApiError | undefined>();
  let stopped = "";
  async function* parts() {
    for (let part = 0;; part++) yield await Promise.resolve({ part });
  }
  const { body } = eventResponse(parts(), {
    stallMilliseconds: 1,
    last: "[DONE]",
    stop: ({ kind }) => stopped = kind,
    ended: resolve,
  });
  const reader = body!.getReader();
  const { value } = await reader.read();
  assert.equal(new TextDecoder().decode(value), 'data: {"part":0}\n\n');
  assert.equal((await promise)!.told.code, "request_timeout");
  assert.equal(stopped, "slowClient");
  await assert.rejects(reader.read(), ApiError);
});

Deno.test("a server that ends finishes what runs, and takes nothing new", async () => {
  await using server = await toyServer(pair);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.taker.turn = () => promise;
  const asked = server.post("/v1/completions", { ...body, max_tokens: 5 });
  while (server.taker.submitted.length === 0) await new Promise((done) => setTimeout(done));
  const ended = server.server.end(60_000);
  await assert.rejects(connect(server).then((connection) => connection.close()));
  resolve();
  assert.equal((await (await asked).json()).usage.completion_tokens, 5);
  assert.equal(await ended, 0);
});

Deno.test("a server whose time is over tells the rest why", async () => {
  await using server = await toyServer(pair);
  server.taker.turn = () => new Promise((done) => setTimeout(done));
  const whole = server.post("/v1/completions", { ...body, model: "alice" });
  const stream = await server.post("/v1/completions", { ...body, stream: true });
  while (server.taker.statistics().running < 2) await new Promise((done) => setTimeout(done));
  const ended = server.server.end(0);
  assert.equal((await whole).status, 503);
  assert.equal((await (await whole).json()).error.code, "shutting_down");
  const last = (await stream.text()).trim().split("\n\n").at(-1)!;
  assert.match(last, /^event: error\ndata: .*"shutting_down"/);
  assert.equal(await ended, 0);
});
