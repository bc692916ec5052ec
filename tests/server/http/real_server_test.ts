/** Real models through the whole server: each tenant's tokens beside others are those of its own checkpoint alone. */

import assert from "node:assert/strict";
import { join } from "node:path";
import OpenAI from "openai";
import { Checkpoint } from "../../../lib/checkpoint/checkpoint.ts";
import { applyDelta } from "../../../lib/delta/apply.ts";
import { openDelta } from "../../../lib/delta/delta_file.ts";
import { writeDelta } from "../../../lib/delta/delta_writer.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { argmax } from "../../../lib/graph/ops/likelihood.ts";
import { compress } from "../../../lib/methods/compress.ts";
import { losslessDelta } from "../../../lib/methods/lossless.ts";
import { projectPath } from "../../../lib/util/project.ts";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";
import { absoluteError, assertWithin } from "../../graph/closeness.ts";
import { extractDelta } from "../../methods/extract.ts";
import { readExpected, realModels, withModel } from "../../model/real_model.ts";
import { wholeLogits } from "../../model/serving/stepwise.ts";
import { testWithShared } from "../../shared.ts";
import { realServer } from "./real_server.ts";

const ids = { temperature: 0, ignore_eos: true, return_token_ids: true };

testWithShared(
  "the reference's tokens come through the API, of both models at once",
  async (shared) => {
    const [baseName, fineName] = realModels;
    const { models } = await readExpected(shared);
    await using folder = await temporaryFolder();
    {
      using base = await Checkpoint.open(join(shared, "real", baseName));
      using fine = await Checkpoint.open(join(shared, "real", fineName));
      const { delta } = await compress(
        onnxEngine(),
        base,
        fine,
        { method: losslessDelta.name },
        null,
      );
      await writeDelta(join(folder.path, "health.safetensors"), delta);
    }
    await using server = await realServer(join(shared, "real", baseName), folder.path);
    const cases = { base: baseName, health: fineName };
    await Promise.all(
      Object.entries(cases).map(async ([model, name]) => {
        const [first, ...expected] = models[name].greedy_from_bos;
        const body = { ...ids, model, prompt: [first], max_tokens: expected.length };
        const { choices } = await server.post("/v1/completions", body);
        assert.deepEqual(choices[0].token_ids, expected);
      }),
    );
  },
);

Deno.test("tenants of one bit beside each other and their base answer as each alone, as one graph", async () => {
  await using folder = await temporaryFolder();
  const base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  const names = ["code", "assistant"];
  for (const name of names) {
    using fine = await Checkpoint.open(projectPath(`data/checkpoints/llama-${name}`));
    await writeDelta(join(folder.path, `${name}.safetensors`), await extractDelta(base, fine));
  }
  await using server = await realServer(base.directory, folder.path);
  const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 0 });
  const tokenizer = await base.tokenizer();
  const prompt = "The first of them";
  const begun = await tokenizer.encode(prompt);
  const count = 10;
  const answers = await Promise.all(["base", ...names, ...names].map(async (model) => {
    const body = { ...ids, model, prompt, max_tokens: count, stream: true as const };
    const parts = await Array.fromAsync(await client.completions.create(body));
    const choices = parts.flatMap(({ choices }) => choices);
    const tokens = choices.flatMap((each) => (each as { token_ids?: number[] }).token_ids ?? []);
    return { model, tokens, text: choices.map(({ text }) => text).join("") };
  }));
  for (const { model, tokens, text } of answers) {
    using delta = model === "base"
      ? null
      : await openDelta(join(folder.path, `${model}.safetensors`));
    const merged = delta ? await applyDelta(base, delta) : base;
    const all = Int32Array.from({ length: begun.length + count }, (_, at) => begun[at] ?? 0);
    await withModel(onnxEngine(), merged, all.length, argmax, async (run) => {
      for (let at = begun.length; at < all.length; at++) {
        all[at] = (await run({ tokens: all })).output[at - 1];
      }
    });
    assert.deepEqual(tokens, [...all.subarray(begun.length)], model);
    // What follows the prompt, with the space between them.
    assert.equal(prompt + text, await tokenizer.decode([...all]), model);
  }
  base.close();
});

Deno.test("each token comes with its divergence from another model, as whole graphs have it", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-code"));
  const delta = await extractDelta(base, fine);
  await writeDelta(join(folder.path, "code.safetensors"), delta);
  await using server = await realServer(base.directory, folder.path);
  const prompt = await (await base.tokenizer()).encode("The function of them");
  const body = { ...ids, model: "code", prompt, max_tokens: 5, kl_against: "base" };
  const { choices: [{ token_ids, kl }] } = await server.post("/v1/completions", body);
  const tokens = Int32Array.from([...prompt, ...token_ids]);
  const own = await wholeLogits(await applyDelta(base, delta), tokens);
  const other = await wholeLogits(base, tokens);
  const expected = token_ids.map((_: number, at: number) => {
    const [p, q] = [own, other].map((logits) => softmax(logits(prompt.length + at - 1)));
    return p.reduce((sum, each, id) => sum + each * Math.log(each / q[id]), 0);
  });
  assert.equal(kl.length, 5);
  assert.ok(Math.max(...expected) > 0.05);
  assertWithin(absoluteError(kl, expected), 1e-4, "divergence");
  const same = await server.post("/v1/completions", { ...body, kl_against: "code" });
  assertWithin(absoluteError(same.choices[0].kl, [0, 0, 0, 0, 0]), 1e-9, "from itself");
  for (const wrong of [{ kl_against: "nobody" }, { n: 2 }]) {
    const { error } = await server.post("/v1/completions", { ...body, ...wrong });
    assert.equal(error.param, "kl_against");
  }
});

Deno.test("two models that have no room at once are not compared, and each goes on answering", async () => {
  await using folder = await temporaryFolder();
  using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
  using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-code"));
  for (const name of ["one", "two"]) {
    await writeDelta(join(folder.path, `${name}.safetensors`), await extractDelta(base, fine));
  }
  await using server = await realServer(base.directory, folder.path, {}, { mostTenants: 1 });
  const body = { ...ids, model: "one", prompt: [1, 5], max_tokens: 2 };
  const asked = [{ kl_against: "two" }, { model: "two" }, {}, { model: "two", kl_against: "one" }];
  const answers = await Promise.all(
    asked.map((more) => server.post("/v1/completions", { ...body, ...more })),
  );
  const codes = answers.map(({ error, choices }) => error?.code ?? choices[0].finish_reason);
  assert.deepEqual(codes, ["no_room", "length", "length", "no_room"]);
});

function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((most, each) => Math.max(most, each));
  const powers = Array.from(logits, (each) => Math.exp(each - largest));
  const sum = powers.reduce((all, each) => all + each);
  return powers.map((each) => each / sum);
}
