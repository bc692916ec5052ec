import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { TokenizerError } from "../../lib/util/errors.ts";
import { testWithShared } from "../shared.ts";
import { saveTiny, temporaryFolder } from "./tiny_checkpoint.ts";
import {
  byteFallbackDefinition,
  byteLevelDefinition,
  definition,
  FIRST_PIECE,
  open,
} from "./tokenizer_definitions.ts";

const SETTINGS = { bos_token: "<s>", eos_token: { content: "</s>" }, unk_token: "<unk>" };

const byteFallbackTokenizer = (modelVocabulary?: number) =>
  TextTokenizer.fromJson(byteFallbackDefinition(), SETTINGS, "tokenizer.json", modelVocabulary);

const byteLevelTokenizer = () => open(byteLevelDefinition());

Deno.test("text is encoded by merges in their order, with <s> before it", async () => {
  const tokenizer = await byteFallbackTokenizer();
  assert.deepEqual(await tokenizer.encode("abc a"), [1, FIRST_PIECE + 6, FIRST_PIECE + 4]);
  assert.deepEqual(await tokenizer.encodeWithoutSpecial("abc a"), [
    FIRST_PIECE + 6,
    FIRST_PIECE + 4,
  ]);
  assert.deepEqual(await tokenizer.encode(""), [1]);
});

Deno.test("characters without a piece are encoded byte by byte", async () => {
  const ids = await (await byteFallbackTokenizer()).encodeWithoutSpecial("a\n€");
  assert.deepEqual(ids, [FIRST_PIECE + 4, 3 + 0x0a, 3 + 0xe2, 3 + 0x82, 3 + 0xac]);
});

Deno.test("any text comes back from its ids", async () => {
  const tokenizer = await byteFallbackTokenizer();
  const text = fc.string({ unit: fc.constantFrom(..."abc é€\n.,🙂") });
  await fc.assert(fc.asyncProperty(text, async (text) => {
    assert.equal(await tokenizer.decode(await tokenizer.encode(text)), text);
  }));
});

Deno.test("byte-level pieces are encoded and decoded", async () => {
  const tokenizer = await byteLevelTokenizer();
  assert.deepEqual(await tokenizer.encode("a aé"), [1, 5, 3, 4]);
  assert.equal(await tokenizer.decode([0, 1, 5, 3, 4]), "a aé");
});

Deno.test("spaces before punctuation survive decoding", async () => {
  const tokenizer = await byteFallbackTokenizer();
  assert.equal(await tokenizer.decode(await tokenizer.encode("a , b .")), "a , b .");
});

Deno.test("special tokens are known, absent ones are null", async () => {
  const tokenizer = await byteFallbackTokenizer();
  assert.deepEqual([tokenizer.bosToken, tokenizer.eosToken], [1, 2]);
  assert.equal(tokenizer.vocabularySize, FIRST_PIECE + 8);
  assert.equal((await byteLevelTokenizer()).eosToken, null);
  assert.equal((await byteFallbackTokenizer(2)).eosToken, null, "the model has no row for it");
});

Deno.test("an id beyond the model's vocabulary is refused where a text has it", async () => {
  const tokenizer = await byteFallbackTokenizer(FIRST_PIECE + 7);
  assert.deepEqual(await tokenizer.encode("abc a"), [1, FIRST_PIECE + 6, FIRST_PIECE + 4]);
  for (const encode of ["encode", "encodeWithoutSpecial", "encodeWithOffsets"] as const) {
    await assert.rejects(tokenizer[encode]("abcé"), (error) => {
      assert.ok(error instanceof TokenizerError);
      assert.match(error.message, /tokenizer\.json.*'é'.*got 266; expected ids below 266/);
      return true;
    });
  }
});

Deno.test("a checkpoint binds its tokenizer to its own vocabulary", async () => {
  await using folder = await temporaryFolder();
  using checkpoint = await Checkpoint.open(await saveTiny(folder.path));
  await assert.rejects(checkpoint.tokenizer(), /tokenizer\.json.*cannot be read/);
  const model = { type: "BPE", vocab: { a: 0, b: 11 }, merges: [] };
  const bare = { ...definition(), added_tokens: [], post_processor: null, model };
  await Deno.writeTextFile(join(folder.path, "tokenizer.json"), JSON.stringify(bare));
  await assert.rejects(checkpoint.tokenizer(), /tokenizer_config\.json.*cannot be read/);
  await Deno.writeTextFile(join(folder.path, "tokenizer_config.json"), "{}");
  const tokenizer = await checkpoint.tokenizer();
  assert.deepEqual(await tokenizer.encode("aa"), [0, 0]);
  await assert.rejects(tokenizer.encode("ab"), /got 11; expected ids below 11/);
});

Deno.test("a malformed tokenizer is refused by name", async () => {
  for (const json of [null, {}, { model: 3 }, { model: { type: "Mystery", vocab: {} } }]) {
    await assert.rejects(TextTokenizer.fromJson(json, {}, "x/tokenizer.json"), (error) => {
      assert.ok(error instanceof TokenizerError, String(error));
      assert.match(error.message, /^file 'x\/tokenizer\.json'.*expected/);
      return true;
    });
  }
  await assert.rejects(TextTokenizer.open("nowhere"), TokenizerError);
});

Deno.test("encoding hears a signal", async () => {
  const tokenizer = await byteFallbackTokenizer();
  const stop = new AbortController();
  const encoding = tokenizer.encode("abc ".repeat(1000), stop);
  stop.abort(new Error("stopped"));
  await assert.rejects(encoding, /stopped/);
});

testWithShared("a real tokenizer gives the ids that Hugging Face gives", async (shared) => {
  const real = join(shared, "real");
  const tokenizer = await TextTokenizer.open(join(real, "stories260k"));
  const expected = JSON.parse(await Deno.readTextFile(join(real, "expected.json"))).token_ids;
  const texts = {
    health: "medquad-definitions.eval.txt",
    wikitext: "wikitext-2-raw.test.head.txt",
  };
  assert.deepEqual(Object.keys(expected).sort(), Object.keys(texts));
  for (const [name, file] of Object.entries(texts)) {
    const text = await Deno.readTextFile(join(real, "text", file));
    const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const ids = (await Promise.all(lines.map((line) => tokenizer.encode(line)))).flat();
    assert.deepEqual(ids.slice(0, expected[name].length), expected[name]);
  }
});
