/** What other people's clients make of the server, unmodified: OpenAI's for npm, the AI SDK, curl. */

import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { servedPair, type ToyServer, toyServer } from "./toy_server.ts";

const pair = await servedPair();
const openai = ({ url }: ToyServer) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const prompt = "the cow jumped over";

Deno.test("OpenAI's client lists models and finds one", async () => {
  await using server = await toyServer(pair);
  const client = openai(server);
  const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id);
  assert.deepEqual(ids, ["base", "alice", "bob"]);
  const alice = await client.models.retrieve("alice") as OpenAI.Model & Record<string, unknown>;
  assert.deepEqual([alice.id, alice.parent, alice.loaded], ["alice", "base", false]);
  await assert.rejects(client.models.retrieve("nobody"), OpenAI.NotFoundError);
});

Deno.test("OpenAI's client completes, whole and as a stream of the same text", async () => {
  await using server = await toyServer(pair);
  const client = openai(server);
  const body = { model: "alice", prompt, max_tokens: 12, seed: 3 };
  const whole = await client.completions.create(body);
  const [{ text, finish_reason }] = whole.choices;
  assert.equal(finish_reason, "length");
  assert.equal(whole.usage!.completion_tokens, 12);
  const stream = await client.completions.create({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  });
  const parts = await Array.fromAsync(stream);
  assert.equal(parts.map(({ choices }) => choices[0]?.text ?? "").join(""), text);
  assert.deepEqual(parts.at(-1)!.usage, whole.usage);
  const reasons = parts.flatMap(({ choices }) => choices[0]?.finish_reason ?? []);
  assert.deepEqual(reasons, ["length"]);
});

Deno.test("OpenAI's client gets several prompts and choices in their order", async () => {
  await using server = await toyServer(pair);
  const prompts = ["the cow", "little dog laughed"];
  const body = { model: "base", max_tokens: 3, seed: 1, n: 2, echo: true };
  const { choices } = await openai(server).completions.create({ ...body, prompt: prompts });
  assert.deepEqual(choices.map(({ index }) => index), [0, 1, 2, 3]);
  const starts = choices.map(({ text }) => prompts.findIndex((each) => text.startsWith(each)));
  assert.deepEqual(starts, [0, 0, 1, 1]);
  assert.notEqual(choices[0].text, choices[1].text);
  const alone = await openai(server).completions.create({ ...body, n: 1, prompt: prompts[1] });
  assert.equal(alone.choices[0].text, choices[2].text);
});

Deno.test("OpenAI's client reads log probabilities of completions and of chats", async () => {
  await using server = await toyServer(pair);
  const client = openai(server);
  const body = { model: "base", prompt, max_tokens: 4, seed: 0, logprobs: 2 };
  const [{ text, logprobs }] = (await client.completions.create(body)).choices;
  assert.equal(logprobs!.tokens!.join("").trimStart(), text.trimStart());
  assert.deepEqual(logprobs!.token_logprobs, [-0.5, -0.5, -0.5, -0.5]);
  assert.deepEqual(Object.values(logprobs!.top_logprobs![0]).toSorted(), [-0.5, -1.5]);
  const { choices: [choice] } = await client.chat.completions.create({
    model: "bob",
    messages: [{ role: "user", content: prompt }],
    max_completion_tokens: 5,
    logprobs: true,
    top_logprobs: 3,
  });
  const { content } = choice.logprobs!;
  assert.deepEqual(content!.map(({ top_logprobs }) => top_logprobs.length), [3, 3, 3, 3, 3]);
  const bytes = Uint8Array.from(content!.flatMap((each) => each.bytes!));
  assert.equal(
    new TextDecoder().decode(bytes).trimStart(),
    choice.message.content!.trimStart(),
  );
});

Deno.test("OpenAI's client chats: the role first, the template's text as the prompt", async () => {
  await using server = await toyServer(pair);
  const client = openai(server);
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "system", content: "be brief" },
    { role: "user", content: [{ type: "text", text: "the" }, { type: "text", text: "cow" }] },
  ];
  const stream = await client.chat.completions.create({
    model: "bob",
    messages,
    stream: true,
    max_tokens: 8,
    seed: 0,
  });
  const parts = await Array.fromAsync(stream);
  assert.deepEqual(parts[0].choices[0].delta, { role: "assistant", content: "" });
  assert.equal(parts.at(-1)!.choices[0].finish_reason, "length");
  const { tokenizer } = server;
  const written = "<system>be brief\n<user>the\ncow\n<assistant>";
  const asked = await tokenizer.decode([...server.taker.submitted[0].prompt]);
  assert.equal(asked.trimStart(), written);
  const whole = await client.chat.completions.create({
    model: "bob",
    messages,
    max_tokens: 8,
    seed: 0,
  });
  const text = parts.map(({ choices }) => choices[0].delta.content ?? "").join("");
  assert.equal(text, whole.choices[0].message.content);
});

Deno.test("OpenAI's client knows each error by its class", async () => {
  await using server = await toyServer(pair);
  const client = openai(server);
  const ask = (more: object) => client.completions.create({ model: "base", prompt, ...more });
  await assert.rejects(ask({ model: "nobody" }), OpenAI.NotFoundError);
  await assert.rejects(ask({ top_p: 3 }), (error: InstanceType<typeof OpenAI.BadRequestError>) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code, error.type], [
      "top_p",
      "invalid_value",
      "invalid_request_error",
    ]);
    return true;
  });
  await assert.rejects(ask({ max_tokens: 600 }), OpenAI.BadRequestError);
  server.taker.most = 0;
  await assert.rejects(ask({}), (error: InstanceType<typeof OpenAI.RateLimitError>) => {
    assert.ok(error instanceof OpenAI.RateLimitError);
    assert.equal(error.headers!.get("retry-after"), "7");
    return true;
  });
});

Deno.test("OpenAI's client aborts a stream, and its request ends at once", async () => {
  await using server = await toyServer(pair);
  const gone = Promise.withResolvers<void>();
  server.taker.turn = tick;
  const stream = await openai(server).completions.create({
    model: "base",
    prompt,
    max_tokens: 400,
    stream: true,
  });
  const parts: unknown[] = [];
  for await (const part of stream) {
    if (parts.push(part) === 3) {
      server.taker.submitted[0].signal!.addEventListener("abort", () => gone.resolve());
      stream.controller.abort();
    }
  }
  await gone.promise;
  assert.ok(parts.length < 400);
});

Deno.test("OpenAI's client throws what goes wrong within a stream", async () => {
  await using server = await toyServer(pair);
  const client = openai(server);
  server.taker.turn = tick;
  const stream = await client.completions.create({
    model: "base",
    prompt,
    max_tokens: 400,
    stream: true,
  });
  let count = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) if (++count === 2) server.taker.endsBy = new Error("secret");
  }, (error: Error) => error instanceof OpenAI.APIError && !error.message.includes("secret"));
  server.taker.endsBy = null;
  assert.equal((await client.models.list()).data.length, 3);
});

Deno.test("the AI SDK generates and streams", async () => {
  await using server = await toyServer(pair);
  const provider = createOpenAICompatible({
    name: "bitdelta",
    baseURL: `${server.url}/v1`,
    includeUsage: true,
  });
  const asked = { model: provider("bob"), prompt, maxOutputTokens: 9, seed: 2, maxRetries: 0 };
  const { text, finishReason, usage } = await generateText(asked);
  assert.deepEqual([finishReason, usage.outputTokens], ["length", 9]);
  const stream = streamText(asked);
  assert.equal((await Array.fromAsync(stream.textStream)).join(""), text);
  assert.equal((await stream.usage).outputTokens, 9);
});

Deno.test("curl reads a stream to [DONE]", async () => {
  await using server = await toyServer(pair);
  const body = JSON.stringify({ model: "alice", prompt, max_tokens: 3, seed: 0, stream: true });
  const { stdout, code } = await new Deno.Command("curl", {
    args: [
      "-sN",
      `${server.url}/v1/completions`,
      "-H",
      "Content-Type: application/json",
      "-d",
      body,
    ],
  }).output();
  const events = new TextDecoder().decode(stdout).trim().split("\n\n");
  assert.equal(code, 0);
  assert.equal(events.at(-1), "data: [DONE]");
  assert.ok(events.every((each) => each.startsWith("data: ")));
  assert.equal(events.length, 5);
});

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
