import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { endTokens, endTokensOf } from "../../lib/checkpoint/end_tokens.ts";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { ConfigError } from "../../lib/util/errors.ts";
import { extractDelta } from "../methods/extract.ts";
import { saveTiny, temporaryFolder } from "./tiny_checkpoint.ts";

/** Opens a tiny checkpoint with other texts in its files. */
async function opened(
  folder: string,
  config: object,
  generation?: string,
  seed = 1,
): Promise<Checkpoint> {
  await saveTiny(folder, { seed });
  const path = join(folder, "config.json");
  const json = { ...JSON.parse(await Deno.readTextFile(path)), ...config };
  await Deno.writeTextFile(path, JSON.stringify(json));
  if (generation !== undefined) {
    await Deno.writeTextFile(join(folder, "generation_config.json"), generation);
  }
  return await Checkpoint.open(folder);
}

const own = "generation_config.json";
const found: [name: string, config: object, generation: string | undefined, expected: unknown][] = [
  ["one in config.json", {}, undefined, { ids: [2], from: "config.json" }],
  ["several there", { eos_token_id: [4, 2, 4] }, undefined, { ids: [4, 2], from: "config.json" }],
  ["none there", { eos_token_id: null }, undefined, { ids: [], from: "config.json" }],
  ["several beside one", {}, '{"eos_token_id": [2, 9]}', { ids: [2, 9], from: own }],
  ["another one", { eos_token_id: [4, 2] }, '{"eos_token_id": 9}', { ids: [9], from: own }],
  ["none beside one", {}, '{"eos_token_id": []}', { ids: [], from: own }],
  ["settings that do not say", {}, '{"temperature": 1}', { ids: [2], from: "config.json" }],
  ["a negative one", {}, '{"eos_token_id": -1}', { ids: [], from: own }],
];
for (const [name, config, generation, expected] of found) {
  Deno.test(`end tokens: ${name}`, async () => {
    await using folder = await temporaryFolder();
    using model = await opened(folder.path, config, generation);
    assert.deepEqual(await endTokens(model), expected);
  });
}

Deno.test("of several end tokens the first pads, whatever the settings of generation say", async () => {
  await using folder = await temporaryFolder();
  using model = await opened(folder.path, { eos_token_id: [4, 2] }, '{"eos_token_id": [2, 9]}');
  assert.equal(model.config.eosToken, 4);
});

const refused: [name: string, generation: string, message: RegExp][] = [
  ["are no JSON", "{", /generation_config\.json': cannot be read/],
  ["name words", '{"eos_token_id": ["</s>"]}', /'eos_token_id': does not say.*<\/s>.*number/],
  ["are a list", "[]", /generation_config\.json': does not say which tokens end a text/],
  [
    "name a token beyond the vocabulary",
    '{"eos_token_id": [2, 11]}',
    /'eos_token_id': names a token that the model does not have: got 11; expected ids below 11/,
  ],
];
for (const [name, generation, message] of refused) {
  Deno.test(`settings of generation that ${name} are refused`, async () => {
    await using folder = await temporaryFolder();
    using model = await opened(folder.path, {}, generation);
    await assert.rejects(endTokens(model), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a delta knows all tokens at which its fine-tune stops, and so does what is saved without it", async () => {
  await using folder = await temporaryFolder();
  using base = await opened(join(folder.path, "base"), {}, '{"eos_token_id": [2, 4]}');
  using fine = await opened(join(folder.path, "fine"), {}, '{"eos_token_id": [9, 2, 5]}', 2);
  const model = await applyDelta(base, await extractDelta(base, fine));
  assert.deepEqual(endTokensOf(model.config), [2, 9, 5]);
  const out = join(folder.path, "out");
  await saveCheckpoint(out, model, { dtype: "F32", from: base.directory, fromBase: true });
  using saved = await Checkpoint.open(out);
  assert.deepEqual(await endTokens(saved), { ids: [2, 9, 5], from: "config.json" });
});

Deno.test("where a model stops is no part of what its hash is over", async () => {
  await using folder = await temporaryFolder();
  using one = await opened(join(folder.path, "one"), {});
  using several = await opened(join(folder.path, "several"), { eos_token_id: [2, 9] });
  assert.deepEqual(endTokensOf(several.config), [2, 9]);
  assert.equal(await several.hash(), await one.hash());
});
