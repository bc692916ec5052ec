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
import { extractDelta } from "../../methods/extract.ts";
import { readExpected, realModels, withModel } from "../../model/real_model.ts";
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
