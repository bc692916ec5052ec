/** Texts that models go on with: the tokens of the whole graph run anew for each token, and what ends a text. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import type { WeightSource } from "../../../lib/checkpoint/weights.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { Engine } from "../../../lib/graph/engine.ts";
import { argmax } from "../../../lib/graph/ops/likelihood.ts";
import { generate, type GenerationRequest } from "../../../lib/model/serving/generate.ts";
import { generateAll } from "../../../lib/model/serving/generate_all.ts";
import { completeSampling } from "../../../lib/model/serving/sampling_settings.ts";
import { TenantModel } from "../../../lib/model/serving/tenant_model.ts";
import { OptionError, ServingError } from "../../../lib/util/errors.ts";
import { projectPath } from "../../../lib/util/project.ts";
import { testWithShared } from "../../shared.ts";
import { gpuTest, gpuTestWithShared } from "../../webgpu/gpu.ts";
import { readExpected, realModels, withModel } from "../real_model.ts";

const engine = onnxEngine({ threads: 2 });
const llama = projectPath("data/checkpoints/llama-base");

/** Greedy, without an end. */
function greedy(
  model: WeightSource,
  prompt: readonly number[],
  mostTokens: number,
): GenerationRequest {
  return {
    prompt: Int32Array.from(prompt),
    sampling: completeSampling({ temperature: 0 }, model.config.vocabularySize),
    stops: { strings: [], tokens: [] },
    mostTokens,
    decoder: null,
  };
}

/** The tokens that a model goes on with, greedily. */
async function greedyTokens(
  on: Engine,
  model: WeightSource,
  prompt: readonly number[],
  mostTokens: number,
): Promise<number[]> {
  const longest = prompt.length + mostTokens;
  await using host = await TenantModel.open(on, model, { longest, chunk: 32 });
  const free = host.freeTokens;
  const [{ tokens }] = await generateAll(host, [greedy(model, prompt, mostTokens)]);
  assert.equal(host.freeTokens, free);
  return tokens.map(({ token }) => token);
}

/** The same by the whole model as one graph, which is run anew for each token. */
async function plainTokens(
  model: WeightSource,
  prompt: readonly number[],
  mostTokens: number,
): Promise<number[]> {
  const length = prompt.length + mostTokens;
  const tokens = new Int32Array(length);
  tokens.set(prompt);
  // What stands after a position does not count.
  await withModel(engine, model, length, argmax, async (run) => {
    for (let at = prompt.length; at < length; at++) {
      tokens[at] = (await run({ tokens })).output[at - 1];
    }
  });
  return [...tokens.subarray(prompt.length)];
}

for (const name of realModels) {
  const assertTokens = async (on: Engine, shared: string) => {
    const [first, ...expected] = (await readExpected(shared)).models[name].greedy_from_bos;
    assert.ok(expected.length >= 59);
    using model = await Checkpoint.open(join(shared, "real", name));
    assert.deepEqual(await greedyTokens(on, model, [first], expected.length), expected);
  };
  testWithShared(`${name} goes on with the reference's tokens`, async (shared) => {
    await assertTokens(engine, shared);
  });
  if (name !== realModels[0]) continue;
  gpuTestWithShared(`${name} goes on with the reference's tokens on a GPU`, assertTokens);
}

/** More tokens than Mistral's window of 128. */
const LONG = 150;

for (const name of ["llama-assistant", "mistral-code"]) {
  const assertTokens = async (on: Engine) => {
    using model = await Checkpoint.open(projectPath(`data/checkpoints/${name}`));
    const tokenizer = await model.tokenizer();
    const text = "The quick brown fox jumps over the lazy dog, and then ".repeat(12);
    const prompt = (await tokenizer.encode(text)).slice(0, LONG);
    assert.equal(prompt.length, LONG);
    const expected = await plainTokens(model, prompt, 12);
    assert.deepEqual(await greedyTokens(on, model, prompt, 12), expected);
  };
  Deno.test(`${name} goes on as its whole graph does, beyond a chunk and a window`, async () => {
    await assertTokens(engine);
  });
  // It has a window, and all else that the other has.
  if (name.startsWith("mistral")) {
    gpuTest(`${name} goes on as its whole graph does, on a GPU`, assertTokens);
  }
}

/** The embedded base, opened for a few tests. */
async function opened() {
  const base = await Checkpoint.open(llama);
  const host = await TenantModel.open(engine, base, { longest: 64, chunk: 16, mostRows: 3 });
  const { decoder } = await base.tokenizer();
  return {
    base,
    host,
    decoder,
    [Symbol.asyncDispose]: async () => {
      await host[Symbol.asyncDispose]();
      base.close();
    },
  };
}

Deno.test("more texts than rows go on together as each does alone", async () => {
  await using model = await opened();
  const requests = [5, 19, 2, 30, 11].map((length, index): GenerationRequest => ({
    ...greedy(model.base, Array.from({ length }, (_, at) => 3 + 7 * at % 200 + index), 6 + index),
    sampling: completeSampling({ temperature: 0.8, seed: index }, model.base.config.vocabularySize),
    decoder: model.decoder,
  }));
  const free = model.host.freeTokens;
  const together = await generateAll(model.host, requests);
  for (const [index, request] of requests.entries()) {
    const [alone] = await generateAll(model.host, [request]);
    assert.deepEqual(alone, together[index]);
    const events = await Array.fromAsync(generate(model.host, request));
    assert.equal(events.map(({ text }) => text).join(""), alone.text);
    assert.equal(events.length, request.mostTokens + 1);
  }
  assert.equal(model.host.freeTokens, free);
});

Deno.test("a text ends at a stop token, a stop string, or its length", async () => {
  await using model = await opened();
  const request = { ...greedy(model.base, [1, 20, 30], 12), decoder: model.decoder };
  const [whole] = await generateAll(model.host, [request]);
  assert.deepEqual([whole.reason, whole.tokens.length], ["length", 12]);
  const third = whole.tokens[2].token;
  const first = whole.tokens.findIndex(({ token }) => token === third);
  const stopped = { ...request, stops: { strings: [], tokens: [511, third] } };
  const [atToken] = await generateAll(model.host, [stopped]);
  assert.deepEqual([atToken.reason, atToken.tokens.length], ["stop", first + 1]);
  assert.equal(atToken.text, whole.tokens.slice(0, first).map(({ text }) => text).join(""));
  const string = whole.text.slice(4, 7);
  const [atString] = await generateAll(model.host, [
    { ...request, stops: { strings: [string], tokens: [] } },
  ]);
  assert.equal(atString.reason, "stop");
  assert.equal(atString.text, whole.text.slice(0, whole.text.indexOf(string)));
});

Deno.test("a text begins with the space that stands before its first word", async () => {
  await using model = await opened();
  const tokenizer = await model.base.tokenizer();
  const [prompt, whole] = ["The quick", "The quick brown fox"];
  const ids = await tokenizer.encode(prompt);
  const rest = (await tokenizer.encode(whole)).slice(ids.length);
  // What is chosen is given: the bias is beyond all logits.
  const request = (token: number, prompt: number[]): GenerationRequest => ({
    ...greedy(model.base, prompt, 1),
    sampling: completeSampling({
      temperature: 0,
      logitBias: new Map([[token, 100]]),
    }, model.base.config.vocabularySize),
    decoder: model.decoder,
  });
  const texts = await generateAll(
    model.host,
    rest.map((token, at) => request(token, [...ids, ...rest.slice(0, at)])),
  );
  assert.equal(prompt + texts.map(({ text }) => text).join(""), whole);
});

Deno.test("leaving the loop and a signal free a sequence, and no request that is none begins", async () => {
  await using model = await opened();
  const { host } = model;
  const free = host.freeTokens;
  const request = greedy(model.base, [1, 2, 3], 20);
  for await (const { kind } of generate(host, request)) {
    assert.equal(kind, "token");
    assert.ok(host.freeTokens < free);
    break;
  }
  assert.equal(host.freeTokens, free);
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(async () => {
    for await (const _ of generate(host, { ...request, signal: controller.signal })) {
      controller.abort(reason);
    }
  }, reason);
  const signal = AbortSignal.abort(reason);
  await assert.rejects(generateAll(host, [request, { ...request, signal }]), reason);
  assert.equal(host.freeTokens, free);
  const refused: [Partial<GenerationRequest>, RegExp, typeof OptionError | typeof ServingError][] =
    [
      [{ prompt: new Int32Array(0) }, /'prompt'.*'no tokens'/, OptionError],
      [{ mostTokens: 0 }, /'mostTokens'.*: got 0/, OptionError],
      [{ mostTokens: 63 }, /so many tokens: got 65; expected 1 to 64/, ServingError],
      [{ tenant: "nobody" }, /'nobody'/, ServingError],
      [{ stops: { strings: ["a"], tokens: [] } }, /'stop'.*a tokenizer/, OptionError],
    ];
  for (const [part, message, kind] of refused) {
    await assert.rejects(Array.fromAsync(generate(host, { ...request, ...part })), (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(host.freeTokens, free);
});
