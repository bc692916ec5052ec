/** Definitions at which the native module would end the process are refused, and their neighbours read. */

import assert from "node:assert/strict";
import { compiledCharsmap } from "./compiled_charsmap.ts";
import { assertRefused, definition, open } from "./tokenizer_definitions.ts";

Deno.test("the second part of a merge has the prefix of what continues a word", async () => {
  const json = definition();
  Object.assign(json.model, { continuing_subword_prefix: "##", merges: ["a ##b"] });
  json.model.vocab = { "<s>": 0, a: 1, "##b": 2, ab: 3 };
  assert.deepEqual(await (await open(json)).encode("ab"), [0, 3]);
  for (const merge of ["a b", ["a", "b"], ["a", ""]]) {
    json.model.merges = [merge];
    await assertRefused(json, /'model\.merges': a merge's second part/);
  }
});

Deno.test("a pattern that may take for ever is refused, wherever it stands", async () => {
  const pattern = { Regex: "(a+)+$" };
  const split = { type: "Split", pattern, behavior: "Isolated", invert: false };
  const replace = { type: "Replace", pattern, content: "b" };
  for (
    const [part, value] of [
      ["pre_tokenizer", { type: "Sequence", pretokenizers: [split] }],
      ["normalizer", { type: "Sequence", normalizers: [replace] }],
      ["decoder", replace],
    ] as const
  ) {
    const refused = new RegExp(`a pattern of its ${part} repeats a group.*'\\(a\\+\\)\\+\\$'`);
    await assertRefused({ ...definition(), [part]: value }, refused);
  }
  const honest = { ...split, pattern: { Regex: "a+b" }, behavior: "Removed" };
  const tokenizer = await open({ ...definition(), pre_tokenizer: honest });
  assert.deepEqual(await tokenizer.encode(`${"a".repeat(2000)}bc`), [0, 3]);
});

Deno.test("a template names only tokens that it defines", async () => {
  const json = definition();
  json.post_processor = { ...json.post_processor as object, special_tokens: {} };
  await assertRefused(json, /'post_processor': a template names a token.*got '<s>'/);
  const processors = [json.post_processor];
  await assertRefused(
    { ...definition(), post_processor: { type: "Sequence", processors } },
    /a template names a token/,
  );
});

Deno.test("a template holds the text once, and no other template follows", async () => {
  const template = definition().post_processor as Record<string, unknown>;
  const sequence = (id: string) => ({ Sequence: { id, type_id: 0 } });
  const holding = (...single: unknown[]) => ({
    ...definition(),
    post_processor: { ...template, single },
  });
  assert.deepEqual(await (await open(holding(sequence("A")))).encode("ab"), [1, 2]);
  for (const single of [[], [sequence("B")], [sequence("A"), sequence("A")]]) {
    await assertRefused(holding(...single), /a template does not hold the text once/);
  }
  const untyped = { ...holding().post_processor, type: undefined };
  await assertRefused({ ...definition(), post_processor: untyped }, /does not hold the text once/);
  const processors = [template, template];
  const twice = { ...definition(), post_processor: { type: "Sequence", processors } };
  await assertRefused(twice, /'post_processor': has several templates.*got 2/);
});

Deno.test("what is replaced has a character", async () => {
  const replacing = (Regex: string) => ({
    ...definition(),
    normalizer: { type: "Replace", pattern: { Regex }, content: "b" },
  });
  assert.deepEqual(await (await open(replacing("a+|c"))).encode("aac"), [0, 2, 2]);
  for (const pattern of ["a*", "$", "a*$|^", "(?=a)", "b|(?:a?){2}", ""]) {
    await assertRefused(replacing(pattern), /may match no character/);
  }
});

Deno.test("a text is not cut into pieces of no length, nor tokens of their ends", async () => {
  const cut = (length: number) => ({
    ...definition(),
    pre_tokenizer: { type: "FixedLength", length },
  });
  assert.deepEqual(await (await open(cut(1))).encode("ab"), [0, 1, 2]);
  await assertRefused(cut(0), /'pre_tokenizer\.length'.*got 0/);
  const strip = (stop: number) => ({
    ...definition(),
    decoder: { type: "Strip", content: "a", start: 1, stop },
  });
  assert.equal(await (await open(strip(0))).decode([1, 2]), "b");
  await assertRefused(strip(1), /'decoder\.stop'.*got 1/);
});

const map = compiledCharsmap({ "A": "a", "Á": "ab", "日本": "b", "!": "" });
const normalizing = (precompiled_charsmap: unknown) => ({
  ...definition(),
  normalizer: { type: "Precompiled", precompiled_charsmap },
});
const CHARSMAP = /'normalizer': its precompiled_charsmap/;

Deno.test("a map of characters that leads where it should is followed", async () => {
  const tokenizer = await open(normalizing(map));
  assert.deepEqual(await tokenizer.encode("AcÁ!"), [0, 1, 3, 1, 2]);
});

Deno.test("a map of characters that is damaged anywhere is refused, or leads nowhere else", async () => {
  for (const bad of [undefined, 7, "", "AAAA", "A", map.slice(0, -3), map.slice(0, 400)]) {
    await assertRefused(normalizing(bad), CHARSMAP);
  }
  const bytes = Uint8Array.fromBase64(map);
  const root = 4;
  const unit = root + 4 * "A".charCodeAt(0);
  // A child beyond the trie's end, a replacement inside a character, and replacements in Latin-1.
  for (const [at, value] of [[root + 2, 0x7f], [unit + 3, 0x7f], [bytes.length - 2, 0xe9]]) {
    await assertRefused(normalizing(bytes.with(at, value).toBase64()), CHARSMAP);
  }
  const inside = Uint8Array.fromBase64(compiledCharsmap({ "a": "é" }));
  const leaf = inside.indexOf(0x80, root + 4 * 256) - 3;
  await assertRefused(normalizing(inside.with(leaf, 1).toBase64()), /not begin where a character/);
});
