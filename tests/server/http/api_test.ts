/** What requests may be, and what those are told that are not: fields, limits, keys, methods, origins. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { parseChatRequest } from "../../../lib/server/http/chat_request.ts";
import { parseCompletionRequest } from "../../../lib/server/http/completion_request.ts";
import { addKey } from "../../../lib/server/http/keys.ts";
import { DeadlineError } from "../../../lib/server/refusals.ts";
import { DeltaError } from "../../../lib/util/errors.ts";
import { TenantLoadError } from "../../../lib/server/refusals.ts";
import { servedPair, type ToyOptions, type ToyServer, toyServer } from "./toy_server.ts";

const pair = await servedPair();
const prompt = "the cow jumped over";
const sound = { model: "base", prompt, max_tokens: 2, seed: 0 };
const said = { model: "bob", messages: [{ role: "user", content: "hey" }], max_tokens: 2 };

/** Status, code and field of a refusal; its form is checked. */
async function refusal(response: Response): Promise<[number, string, string | null]> {
  const { error, ...more } = await response.json();
  assert.deepEqual(more, {});
  assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
  assert.ok(!/\n/.test(error.message) && error.message.length > 10);
  return [response.status, error.code, error.param];
}

Deno.test("each field out of its bounds is refused by its name", async () => {
  await using server = await toyServer(pair);
  const cases: [field: string, value: unknown][] = [
    ...[-1, 2.1, "1"].map((value): [string, unknown] => ["temperature", value]),
    ...[-0.1, 1.5].map((value): [string, unknown] => ["top_p", value]),
    ...[-2, 1.5].map((value): [string, unknown] => ["top_k", value]),
    ["min_p", 2],
    ["repetition_penalty", 0],
    ["presence_penalty", 3],
    ["frequency_penalty", -3],
    ["logprobs", 21],
    ["max_tokens", 0],
    ["n", 0],
    ["n", 17],
    ["seed", 0.5],
    ["stop", 4],
    ["stream", "yes"],
    ["stop_token_ids", 9],
    ["stop_token_ids", Array(1025).fill(1)],
    ["stop_token_ids", [-1]],
    ["stop_token_ids", [1, 1 << 20]],
    ["model", 7],
  ];
  for (const [field, value] of cases) {
    const told = await refusal(await server.post("/v1/completions", { ...sound, [field]: value }));
    assert.deepEqual(told, [400, "invalid_value", field], `${field}: ${value}`);
  }
  // Too many are refused before any of them is looked at.
  const many = [...Array(16).fill(prompt), "a".repeat(64 * 512 + 1)];
  const told = await refusal(await server.post("/v1/completions", { ...sound, prompt: many }));
  assert.deepEqual(told, [400, "invalid_value", "n"]);
  for (const bad of [{ "-1": 1 }, { x: 1 }, { 3: 101 }, { 900: 1 }]) {
    const response = await server.post("/v1/completions", { ...sound, logit_bias: bad });
    const [status, , field] = await refusal(response);
    assert.deepEqual([status, field?.split(".")[0]], [400, "logit_bias"], JSON.stringify(bad));
  }
  assert.equal(server.taker.submitted.length, 0);
});

Deno.test("of many elements at fault the first is told, and no other is looked at", () => {
  let reads = 0;
  const elements = new Proxy(Array(1000).fill(null), {
    get: (array, name) => (reads++, Reflect.get(array, name)),
  });
  const { model } = sound;
  const message = { role: "user", content: elements };
  for (
    const parse of [
      () => parseCompletionRequest({ model, prompt: elements }),
      () => parseCompletionRequest({ model, prompt, stop: elements }),
      () => parseChatRequest({ model, messages: [message] }),
    ]
  ) {
    reads = 0;
    assert.throws(parse, /'(prompt|stop|messages\[0\]\.content)'/);
    assert.ok(reads < 100, `${reads}`);
  }
});

Deno.test("what is not supported is refused by its name, unless it changes nothing", async () => {
  await using server = await toyServer(pair);
  const refused = {
    completions: [
      ["suffix", "end"],
      ["best_of", 2],
      ["min_tokens", 1],
      ["guided_json", {}],
      ["response_format", { type: "json_object" }],
      ["use_beam_search", true],
    ],
    chat: [
      ["tools", [{ type: "function" }]],
      ["tool_choice", "required"],
      ["functions", [{}]],
      ["chat_template", "{{ messages }}"],
      ["modalities", ["audio"]],
    ],
  } as const;
  for (const [field, value] of refused.completions) {
    const told = await refusal(await server.post("/v1/completions", { ...sound, [field]: value }));
    assert.deepEqual(told, [400, "unsupported_parameter", field]);
  }
  for (const [field, value] of refused.chat) {
    const response = await server.post("/v1/chat/completions", { ...said, [field]: value });
    assert.deepEqual(await refusal(response), [400, "unsupported_parameter", field]);
  }
  const strange = await server.post("/v1/completions", { ...sound, tempreature: 0 });
  assert.deepEqual(await refusal(strange), [400, "unknown_parameter", "tempreature"]);
  const neutral = {
    ...{ suffix: null, best_of: 1, user: "u", metadata: {}, min_tokens: 0, top_k: -1, stop: null },
    ...{ response_format: { type: "text" }, use_beam_search: false, echo: false },
  };
  const response = await server.post("/v1/completions", { ...sound, ...neutral });
  assert.equal(response.status, 200);
  const plain = await (await server.post("/v1/completions", sound)).json();
  assert.deepEqual((await response.json()).choices, plain.choices);
  const chat = { ...said, tools: [], tool_choice: "auto", store: false, n: null };
  assert.equal((await server.post("/v1/chat/completions", chat)).status, 200);
});

Deno.test("what is asked reaches the scheduler, and nothing else does", async () => {
  await using server = await toyServer(pair);
  const { tokenizer } = server;
  const ids = await tokenizer.encode(prompt);
  const body = {
    ...{ model: "alice", prompt: ids, max_tokens: 5, temperature: 0.5, top_p: 0.9, top_k: 7 },
    ...{ min_p: 0.1, repetition_penalty: 1.1, presence_penalty: 0.2, frequency_penalty: 0.3 },
    ...{
      seed: 41,
      n: 2,
      stop: ["a", "b"],
      stop_token_ids: [9],
      logit_bias: { 5: -100 },
      logprobs: 1,
    },
  };
  assert.equal((await server.post("/v1/completions", body)).status, 200);
  const [one, two] = server.taker.submitted;
  assert.deepEqual([one.tenant, one.mostTokens, [...one.prompt]], ["alice", 5, ids]);
  const { logitBias, seed, ...numbers } = one.sampling;
  assert.deepEqual(numbers, {
    ...{ temperature: 0.5, topP: 0.9, topK: 7, minP: 0.1, repetitionPenalty: 1.1 },
    ...{ presencePenalty: 0.2, frequencyPenalty: 0.3, logprobs: 1 },
  });
  assert.deepEqual([...logitBias], [[5, -100]]);
  assert.deepEqual([seed, two.sampling.seed], [41, 42]);
  assert.deepEqual(one.stops, { strings: ["a", "b"], tokens: [2, 9] });
  await server.post("/v1/completions", { ...sound, ignore_eos: true });
  const last = server.taker.submitted.at(-1)!;
  assert.deepEqual([last.tenant, last.stops.tokens], [null, []]);
});

Deno.test("a prompt that is none, or has no room, is refused", async () => {
  await using server = await toyServer(pair);
  const ask = async (more: object) =>
    await refusal(await server.post("/v1/completions", { ...sound, ...more }));
  assert.deepEqual(await ask({ max_tokens: 512 }), [400, "context_length_exceeded", "prompt"]);
  const long = "a".repeat(64 * 512 + 1);
  assert.deepEqual(await ask({ prompt: long }), [400, "context_length_exceeded", "prompt"]);
  assert.deepEqual(await ask({ prompt: [4, 284] }), [400, "invalid_value", "prompt"]);
  for (const wrong of [[], [[]], [""].slice(1), { a: 1 }, [1.5], [-1], ["a", 1]]) {
    const [status, code] = await ask({ prompt: wrong });
    assert.deepEqual([status, code], [400, "invalid_value"], JSON.stringify(wrong));
  }
  const chat = await server.post("/v1/chat/completions", { ...said, max_tokens: undefined });
  assert.equal((await chat.json()).usage.total_tokens, 512);
});

Deno.test("messages that a template or this server does not know are refused", async () => {
  await using server = await toyServer(pair);
  const ask = async (messages: unknown, model = "bob") =>
    await refusal(await server.post("/v1/chat/completions", { ...said, model, messages }));
  const user = { role: "user", content: "hey" };
  assert.deepEqual(await ask([{ ...user, role: "assistant" }]), [400, "invalid_value", "messages"]);
  assert.deepEqual(await ask([user], "alice"), [400, "unsupported_parameter", "model"]);
  const image = { type: "image_url", image_url: { url: "file:///etc/passwd" } };
  for (const wrong of [{ ...user, content: [image] }, { ...user, role: "tool" }, 7, null, {}]) {
    const [status, code, field] = await ask([user, wrong]);
    assert.deepEqual([status, code], [400, "invalid_value"]);
    assert.ok(field!.startsWith("messages[1]"), field!);
  }
  assert.deepEqual((await ask([]))[0], 400);
});

Deno.test("a tenant's own tokenizer and template stand in its delta's folder", async () => {
  await using server = await toyServer(pair);
  const own = join(server.folder, "own");
  await Deno.mkdir(own);
  await Deno.copyFile(pair.delta, join(own, "delta.safetensors"));
  await Deno.copyFile(join(pair.fine, "tokenizer.json"), join(own, "tokenizer.json"));
  const settings = JSON.parse(await Deno.readTextFile(join(pair.fine, "tokenizer_config.json")));
  const chat_template = [
    { name: "tool_use", template: "no" },
    {
      name: "default",
      template: "{{ messages[0].name }}: {{ messages[0].content }}{{ eos_token }}",
    },
  ];
  const path = join(own, "tokenizer_config.json");
  await Deno.writeTextFile(path, JSON.stringify({ ...settings, chat_template }));
  assert.equal((await server.post("/v1/deltas", { source: "own" })).status, 200);
  const messages = [{ role: "user", name: "ann", content: "hey" }];
  const response = await server.post("/v1/chat/completions", { ...said, model: "own", messages });
  assert.equal(response.status, 200);
  const [{ prompt, decoder }] = server.taker.submitted;
  assert.equal(server.tokenizer.decoder.decode([...prompt]), "ann: hey");
  assert.equal(prompt.at(-1), server.tokenizer.eosToken);
  assert.notEqual(decoder, server.tokenizer.decoder);
});

Deno.test("bodies that are no JSON of bounded size, depth and text are refused", async () => {
  await using server = await toyServer(pair, { limits: { bodyBytes: 10_000 } });
  const ask = async (body: BodyInit, type = "application/json") =>
    await refusal(
      await fetch(`${server.url}/v1/completions`, {
        method: "POST",
        headers: { "Content-Type": type },
        body,
      }),
    );
  assert.deepEqual(await ask("{", "application/json"), [400, "invalid_value", null]);
  assert.deepEqual(await ask("{}", "text/plain"), [415, "unsupported_media_type", "Content-Type"]);
  assert.deepEqual(await ask("[".repeat(9000)), [400, "invalid_value", null]);
  assert.deepEqual(await ask(JSON.stringify({ ...sound, prompt: "a".repeat(10_000) })), [
    413,
    "request_too_large",
    null,
  ]);
  const bytes = new TextEncoder().encode(JSON.stringify(sound));
  bytes[bytes.indexOf(0x63)] = 0xff;
  assert.deepEqual(await ask(bytes), [400, "invalid_value", null]);
  assert.deepEqual(await ask("null"), [400, "invalid_value", null]);
  const brackets = JSON.stringify({ ...sound, prompt: "[{".repeat(100) + '\\"' });
  assert.equal((await server.post("/v1/completions", brackets)).status, 200);
});

Deno.test("paths and methods that there are not are told apart", async () => {
  await using server = await toyServer(pair);
  const ask = async (method: string, path: string) => {
    const response = await fetch(server.url + path, { method });
    return [...await refusal(response), response.headers.get("Allow")];
  };
  assert.deepEqual(await ask("GET", "/v2/models"), [404, "unknown_url", null, null]);
  assert.deepEqual(await ask("GET", "/v1/completions"), [
    405,
    "method_not_supported",
    null,
    "POST",
  ]);
  assert.deepEqual(await ask("DELETE", "/health"), [405, "method_not_supported", null, "GET"]);
  for (const path of ["/..%2fdeno.json", "/%2e%2e%2fdeno.json", "/page.ts", "/%00", "/%ff.js"]) {
    assert.deepEqual((await ask("GET", path))[0], 404, path);
  }
  assert.deepEqual(await (await fetch(`${server.url}/version`)).json(), { version: "1.2.3" });
  assert.deepEqual(await (await fetch(`${server.url}/health`)).json(), { status: "ok" });
});

Deno.test("requests beyond those that may be answered at a time are told to come again", async () => {
  await using server = await toyServer(pair, { limits: { requests: 2 } });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.taker.turn = () => promise;
  const running = [1, 2].map(() => server.post("/v1/completions", sound));
  while (server.taker.submitted.length < 2) await new Promise((done) => setTimeout(done));
  const other = await server.post("/v1/completions", sound);
  assert.equal(other.headers.get("Retry-After"), "1");
  assert.deepEqual(await refusal(other), [429, "server_overloaded", null]);
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
  resolve();
  for (const response of running) assert.equal((await (await response).json()).choices.length, 1);
});

Deno.test("a full queue, a deadline, and a delta that fails are statuses before a stream begins", async () => {
  await using server = await toyServer(pair);
  const ask = async (more: object = {}) => {
    const response = await server.post("/v1/completions", { ...sound, stream: true, ...more });
    return [...await refusal(response), response.headers.get("Retry-After")];
  };
  server.taker.most = 0;
  assert.deepEqual(await ask(), [429, "server_overloaded", null, "7"]);
  server.taker.most = Infinity;
  const fault = { problem: "came too late", expected: "sooner" };
  server.taker.endsBy = new DeadlineError(fault);
  assert.deepEqual(await ask(), [504, "deadline_exceeded", null, null]);
  const cause = new DeltaError({ ...fault, file: "/secret/place/alice.safetensors" });
  server.taker.endsBy = new TenantLoadError({ ...fault, cause });
  const response = await server.post("/v1/completions", sound);
  assert.equal(response.status, 400);
  const text = await response.text();
  assert.ok(text.includes("alice.safetensors") && !text.includes("secret"), text);
  server.taker.endsBy = "deadline";
  assert.deepEqual((await ask({ stream: false })).slice(0, 2), [504, "deadline_exceeded"]);
});

async function keyed(
  options: ToyOptions = {},
): Promise<ToyServer & { keys: Record<string, string> }> {
  const keys = join(await Deno.makeTempDir({ dir: pair.folder }), "keys.json");
  const made = {
    root: await addKey(keys, { name: "root", manages: true }),
    few: await addKey(keys, {
      name: "few",
      tenants: ["alice"],
      requestsPerMinute: 2,
      concurrent: 1,
    }),
    short: await addKey(keys, { name: "short", tokensPerMinute: 30 }),
  };
  await assert.rejects(addKey(keys, { name: "few" }), /has an entry of this name: got 'few'/);
  const server = await toyServer(pair, { ...options, keys });
  return Object.assign(server, { keys: made });
}

const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

Deno.test("a key opens what its entry says, and nothing without one", async () => {
  await using server = await keyed();
  const { root, few } = server.keys;
  const get = async (path: string, key?: string) =>
    await fetch(server.url + path, { headers: key === undefined ? {} : bearer(key) });
  for (const key of [undefined, "sk-none", `${root}x`, root.slice(0, -1)]) {
    const response = await get("/v1/models", key);
    assert.equal(response.headers.get("WWW-Authenticate"), "Bearer");
    assert.deepEqual(await refusal(response), [401, "invalid_api_key", null]);
  }
  assert.equal((await server.post("/v1/completions", sound)).status, 401);
  const { data } = await (await get("/v1/models", few)).json();
  assert.deepEqual(data.map(({ id }: { id: string }) => id), ["alice"]);
  assert.deepEqual(await refusal(await get("/v1/models/bob", few)), [
    404,
    "model_not_found",
    "model",
  ]);
  const other = await server.post("/v1/completions", sound, bearer(few));
  assert.deepEqual(await refusal(other), [404, "model_not_found", "model"]);
  for (const path of ["/v1/deltas", "/metrics"]) {
    assert.equal((await refusal(await get(path, few)))[0], 403);
    const response = await get(path, root);
    assert.equal(response.status, 200);
    await response.body!.cancel();
  }
  const log = JSON.stringify(server.lines);
  assert.ok(!log.includes(root) && !log.includes(few) && log.includes('"key":"few"'));
});

Deno.test("a key's requests and tokens of a minute, and those at once, are bounded", async () => {
  let now = 0;
  await using server = await keyed({ now: () => now });
  const { few, short } = server.keys;
  const ask = async (key: string, more: object = {}) => {
    const body = { ...sound, model: "alice", ...more };
    const response = await server.post("/v1/completions", body, bearer(key));
    const retry = response.headers.get("Retry-After");
    await response.text();
    return [response.status, retry];
  };
  assert.deepEqual([await ask(few), await ask(few)], [[200, null], [200, null]]);
  assert.deepEqual(await ask(few), [429, "30"]);
  now += 30_000;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.taker.turn = () => promise;
  const running = ask(few);
  while (server.taker.statistics().running === 0) await new Promise((done) => setTimeout(done));
  now += 60_000;
  assert.deepEqual(await ask(few), [429, "1"]);
  resolve();
  assert.deepEqual(await running, [200, null]);
  // 9 tokens of the prompt; what an answer did not come to is given back.
  const { tokenizer } = server;
  const { length } = await tokenizer.encode(prompt);
  assert.deepEqual(await ask(short, { max_tokens: 31 - length }), [400, null]);
  assert.deepEqual(await ask(short, { max_tokens: 30 - length }), [200, null]);
  assert.deepEqual(await ask(short), [429, String(2 * (length + 2))]);
});

Deno.test("who leaves before an answer begins has used up its prompt's tokens", async () => {
  await using server = await keyed({ now: () => 0 });
  const headers = bearer(server.keys.short);
  const { length } = await server.tokenizer.encode(prompt);
  const body = { ...sound, max_tokens: 30 - length };
  const { promise, resolve } = Promise.withResolvers<void>();
  server.taker.turn = () => promise;
  const gone = new AbortController();
  const asked = fetch(`${server.url}/v1/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
    signal: gone.signal,
  });
  while (server.taker.statistics().running === 0) await new Promise((done) => setTimeout(done));
  gone.abort();
  await assert.rejects(asked);
  const [submitted] = server.taker.submitted;
  while (!submitted.signal!.aborted) await new Promise((done) => setTimeout(done));
  resolve();
  const isTold = () => server.lines.some(({ code }) => code === "client_closed_request");
  while (!isTold()) await new Promise((done) => setTimeout(done));
  const again = await server.post("/v1/completions", body, headers);
  await again.text();
  assert.deepEqual([again.status, again.headers.get("Retry-After")], [429, String(2 * length)]);
});

Deno.test("other origins get no answer that a page may read, unless told", async () => {
  await using closed = await toyServer(pair);
  await using open = await toyServer(pair, { origins: ["https://app.example"] });
  const ask = async ({ url }: ToyServer, origin: string, method = "GET") => {
    const { headers, body } = await fetch(`${url}/v1/models`, {
      method,
      headers: { Origin: origin },
    });
    await body?.cancel();
    return headers.get("Access-Control-Allow-Origin");
  };
  assert.equal(await ask(closed, "https://app.example"), null);
  assert.equal(await ask(open, "https://app.example"), "https://app.example");
  assert.equal(await ask(open, "https://app.example", "OPTIONS"), "https://app.example");
  assert.equal(await ask(open, "https://evil.example"), null);
});

Deno.test("a request is one line of the log, without its texts", async () => {
  await using server = await toyServer(pair);
  const secret = "jumped over the secret";
  for (const stream of [false, true]) {
    const body = { ...sound, prompt: secret, model: "alice", stream };
    const response = await server.post("/v1/completions", body);
    await response.text();
    const lines = server.lines.filter(({ event }) => event === "request");
    const { time, milliseconds, promptTokens, ...line } = lines.at(-1)!;
    assert.ok(!Number.isNaN(Date.parse(time as string)) && milliseconds! as number >= 0);
    assert.ok(promptTokens as number > 3);
    assert.deepEqual(line, {
      ...{ level: "info", event: "request", key: "anyone", method: "POST", tenant: "alice" },
      ...{ route: "/v1/completions", status: 200, completionTokens: 2, code: "length" },
      request: response.headers.get("X-Request-Id"),
    });
  }
  await server.post("/v1/completions", { ...sound, prompt: secret, top_p: secret });
  await server.post(`/v1/${secret}`, sound);
  assert.ok(!JSON.stringify(server.lines).includes("secret"));
});

Deno.test("metrics are of Prometheus' form, under vLLM's names", async () => {
  await using server = await toyServer(pair);
  await server.post("/v1/completions", { ...sound, model: "alice", n: 2, max_tokens: 3 });
  await server.post("/v1/completions", { ...sound, model: 'no"\n such' });
  const response = await fetch(`${server.url}/metrics`);
  assert.match(response.headers.get("Content-Type")!, /^text\/plain; version=0\.0\.4/);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split("\n").filter((each) => each !== "")) {
    if (line.startsWith("#")) continue;
    const [, name, value] = /^([a-z_:][\w:]*(?:\{(?:\w+="[^"\n]*",?)*\})?) ([\d.e+-]+|NaN)$/.exec(
      line,
    )!;
    values.set(name, Number(value));
  }
  const of = (name: string, more = "") => values.get(`${name}{model_name="alice"${more}}`);
  assert.equal(of("vllm:generation_tokens_total"), 6);
  assert.equal(of("vllm:request_success_total", ',finished_reason="length"'), 2);
  assert.equal(of("vllm:time_to_first_token_seconds_count"), 2);
  assert.equal(of("vllm:inter_token_latency_seconds_count"), 4);
  assert.equal(values.get("vllm:num_requests_running"), 0);
  assert.equal(values.get("vllm:kv_cache_usage_perc"), 0.25);
  assert.equal(values.get('bitdelta:tenant_loaded{tenant="alice"}'), 1);
  assert.equal(values.get('bitdelta:tenant_loaded{tenant="bob"}'), 0);
  assert.equal(values.get('bitdelta:tenant_resident_bytes{tenant="alice"}'), 1000);
});
