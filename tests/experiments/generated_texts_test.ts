/** What a pair's models go on with: each as a model of its own, whose weights are whole, does alone. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { WeightSource } from "../../lib/checkpoint/weights.ts";
import { Pair } from "../../lib/experiments/pair.ts";
import { generateAll } from "../../lib/model/serving/generate_all.ts";
import { completeSampling } from "../../lib/model/serving/sampling_settings.ts";
import { TenantModel } from "../../lib/model/serving/tenant_model.ts";
import { DeltaError, OptionError } from "../../lib/util/errors.ts";
import { projectPath } from "../../lib/util/project.ts";
import { tokenizedPair } from "../scripts/tokenized_pair.ts";
import { engine } from "./small_study.ts";

const prompts = ["The patient was", "How do I"];

/** The same of one model alone. */
async function alone(pair: Pair, model: WeightSource, mostTokens: number): Promise<string[]> {
  const tokenizer = await pair.tokenizer();
  await using host = await TenantModel.open(engine, model, { longest: 64 });
  const requests = await Promise.all(prompts.map(async (prompt) => ({
    prompt: Int32Array.from(await tokenizer.encode(prompt)),
    sampling: completeSampling({ temperature: 0 }, model.config.vocabularySize),
    stops: { strings: [], tokens: [] },
    mostTokens,
    decoder: tokenizer.decoder,
  })));
  return (await generateAll(host, requests)).map(({ text }) => text);
}

Deno.test("base, fine-tune and deltas go on from the same prompts, each as it does alone", async () => {
  const [base, assistant] = ["llama-base", "llama-assistant"].map((name) =>
    projectPath(`data/checkpoints/${name}`)
  );
  await using pair = await Pair.open(base, assistant, { engine });
  const delta = await pair.extract();
  const models = { "as it was": "base", tuned: "fine", "one bit": delta } as const;
  const found = await pair.generate(prompts, { models, temperature: 0, mostTokens: 9 });
  const whole = { "as it was": pair.base, tuned: pair.fine, "one bit": await pair.apply(delta) };
  for (const [name, model] of Object.entries(whole)) {
    const texts = found.filter((each) => each.model === name);
    assert.deepEqual(texts.map(({ prompt }) => prompt), prompts);
    assert.deepEqual(texts.map(({ text }) => text), await alone(pair, model, 9));
  }
  assert.notEqual(found[0].text, found[1].text);
  assert.notEqual(found[0].text, found[2].text);
  const [fine] = await pair.generate(prompts[0], { temperature: 0, mostTokens: 9 });
  assert.equal(fine.text, found[1].text);
});

Deno.test("what a user says is written in the fine-tune's template, and a text ends at its end tokens", async () => {
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine });
  const options = { temperature: 0, mostTokens: 9 };
  await assert.rejects(pair.generate("Why?", { ...options, chat: true }), (error) => {
    assert.ok(error instanceof OptionError);
    assert.match(error.message, /'chat': neither '.*fine' nor its base has a chat template/);
    return true;
  });
  const template = "{{ bos_token }}Q: {{ messages[0].content }} A:";
  await Deno.writeTextFile(join(files.fine, "chat_template.jinja"), template);
  const [asked] = await pair.generate("Why?", { ...options, chat: true });
  const [written] = await pair.generate("Q: Why? A:", options);
  assert.deepEqual(asked.tokens, written.tokens);
  // Its third token ends its texts from here on.
  const { token } = written.tokens[2];
  const first = written.tokens.findIndex((each) => each.token === token);
  const ends = JSON.stringify({ eos_token_id: [2, token] });
  await Deno.writeTextFile(join(files.fine, "generation_config.json"), ends);
  await using again = await Pair.open(files.base, files.fine, { engine });
  const models = { fine: "fine", delta: await again.extract() } as const;
  const [fine, delta] = await again.generate("Q: Why? A:", { ...options, models });
  assert.deepEqual([fine.reason, fine.tokens.length], ["stop", first + 1]);
  const at = delta.tokens.findIndex((each) => each.token === token);
  assert.ok(at < 0 ? delta.reason === "length" : at === delta.tokens.length - 1);
});

Deno.test("no delta of another base and no setting that is none goes on", async () => {
  await using files = await tokenizedPair();
  await using pair = await Pair.open(files.base, files.fine, { engine });
  await using turned = await Pair.open(files.fine, files.base, { engine });
  const models = { strange: await turned.extract() };
  await assert.rejects(pair.generate("a", { models }), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /was made for another base/);
    return true;
  });
  await assert.rejects(pair.generate("a", { temperature: 3 }), OptionError);
  assert.deepEqual(await pair.generate([]), []);
});
