/** Tokens that only the settings of a tokenizer name, by the rules of transformers. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { TokenizerError } from "../../lib/util/errors.ts";
import { added, assertRefused, definition, open } from "./tokenizer_definitions.ts";
import { temporaryFolder } from "./tiny_checkpoint.ts";

const flags = {
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};

Deno.test("a token that only the settings name gets the next id, or its own in the vocabulary", async () => {
  for (
    const [config, ids] of [
      [{}, [0, 1]],
      [{ pad_token: "<p>" }, [0, 1, 4]],
      [{
        added_tokens_decoder: { 0: { ...flags, content: "<s>" }, 4: { ...flags, content: "<p>" } },
      }, [
        0,
        1,
        4,
      ]],
      [{ additional_special_tokens: ["<q>", { content: "<p>" }] }, [0, 1, 5]],
      [{ extra_special_tokens: { image: "<p>" }, unk_token: "<q>" }, [0, 1, 5]],
      // Listed tokens go first, by their ids.
      [{ eos_token: "<q>", added_tokens_decoder: { 4: { content: "<p>" } } }, [0, 1, 4]],
    ] as const
  ) {
    const tokenizer = await open(definition(), config);
    assert.deepEqual(await tokenizer.encode("a<p>"), ids, JSON.stringify(config));
  }
  // `c` is a piece of the vocabulary: as a token of its own it is found before any merge.
  const merged = definition();
  Object.assign(merged.model, { vocab: { "<s>": 0, a: 1, b: 2, c: 3, bc: 4 }, merges: ["b c"] });
  assert.deepEqual(await (await open(merged, {})).encode("bc"), [0, 4]);
  assert.deepEqual(await (await open(merged, { eos_token: "c" })).encode("bc"), [0, 2, 3]);
});

Deno.test("settings and definition that give a token two ids or two forms are refused", async () => {
  const listed = (id: number, token: object) => ({ added_tokens_decoder: { [id]: token } });
  await assertRefused(definition(), /'added_tokens_decoder'.*'<p>' another id: got 9; expected 4/, {
    ...listed(9, { ...flags, content: "<p>" }),
  });
  await assertRefused(definition(), /'<s>' another id: got 1; expected 0/, {
    ...listed(1, { ...flags, content: "<s>" }),
  });
  const plain = { ...added("<p>", 4), special: false };
  const two = { ...definition(), added_tokens: [added("<s>", 0), plain] };
  const otherwise = listed(4, { ...flags, content: "<p>", normalized: true });
  await assertRefused(two, /whether '<p>' is normalized: got true; expected false/, otherwise);
  for (const bad of [{ bos_token: 7 }, { added_tokens_decoder: { x: {} } }, { eos_token: {} }]) {
    await assertRefused(definition(), /its tokenizer_config\.json is none/, bad);
  }
});

Deno.test("the settings say whether a token takes the spaces around it along", async () => {
  const spaced = definition();
  spaced.model.vocab[" "] = 4;
  assert.deepEqual(await (await open(spaced, {})).encode("a <s> b"), [0, 1, 4, 0, 4, 2]);
  const config = { added_tokens_decoder: { 0: { ...flags, content: "<s>", lstrip: true } } };
  const tokenizer = await open(spaced, config);
  assert.deepEqual(await tokenizer.encode("a <s> b"), [0, 1, 0, 4, 2]);
});

Deno.test("older folders name tokens in two more files, which count where the settings list none", async () => {
  await using folder = await temporaryFolder();
  const write = (name: string, json: unknown) =>
    Deno.writeTextFile(join(folder.path, name), JSON.stringify(json));
  await write("tokenizer.json", definition());
  await write("tokenizer_config.json", { bos_token: "a" });
  await write("special_tokens_map.json", { bos_token: { content: "<s>" }, pad_token: "<p>" });
  await write("added_tokens.json", { "<q>": 4 });
  const older = await TextTokenizer.open(folder.path);
  assert.equal(older.bosToken, 0);
  assert.deepEqual(await older.encode("<q><p>"), [0, 4, 5]);
  await write("tokenizer_config.json", {
    added_tokens_decoder: { 0: { ...flags, content: "<s>" } },
  });
  const newer = await TextTokenizer.open(folder.path);
  assert.deepEqual([newer.bosToken, await newer.encode("<p>a")], [null, [0, 1]]);
  await write("tokenizer_config.json", {});
  await write("added_tokens.json", { "<q>": 7 });
  await assert.rejects(TextTokenizer.open(folder.path), /'<q>' another id: got 7; expected 4/);
  await write("added_tokens.json", ["<q>"]);
  await assert.rejects(TextTokenizer.open(folder.path), (error) => {
    assert.ok(error instanceof TokenizerError);
    assert.match(error.message, /added_tokens\.json': holds no tokens.*expected an object/);
    return true;
  });
});

Deno.test("both files agree on a space before a text, where tokenizer.json says it", async () => {
  const byteLevel = (space: boolean) => ({
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: space, trim_offsets: true },
  });
  const metaspace = (prepend_scheme: string) => ({
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme, split: false },
  });
  const normalizers = [{ type: "Prepend", prepend: "▁" }];
  for (
    const [part, has] of [
      [byteLevel(true), true],
      [byteLevel(false), false],
      [metaspace("always"), true],
      [metaspace("first"), true],
      [metaspace("never"), false],
      [{ normalizer: { type: "Sequence", normalizers } }, true],
    ] as const
  ) {
    const json = { ...definition(), ...part };
    await open(json, { add_prefix_space: has });
    await open(json, { add_prefix_space: null });
    const differs = new RegExp(`'add_prefix_space'.*got ${!has}; expected ${has}`);
    await assertRefused(json, differs, { add_prefix_space: !has });
  }
  await open(definition(), { add_prefix_space: true });
});
