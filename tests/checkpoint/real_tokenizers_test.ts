/**
 * Published tokenizers of four families, 2,000 texts each: every id is that of the reference in Rust, called with
 * nothing of ours around it, and that of an implementation that shares no code with it.
 */

import assert from "node:assert/strict";
import { nativeTokenizers } from "../../lib/checkpoint/native_tokenizer.ts";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { TokenizerError } from "../../lib/util/errors.ts";
import { tokenizerFixture } from "./fixture_tokenizer.ts";
import { hardTexts } from "./hard_texts.ts";
import { realTokenizers } from "./real_tokenizers.ts";

for (const [family, load] of Object.entries(realTokenizers)) {
  Deno.test(`${family}: 2,000 texts have the ids of two other implementations`, async () => {
    const { definition, settings, special, vocabularySize, independent } = await load();
    const tokenizer = await TextTokenizer.fromJson(definition, settings, family, vocabularySize);
    const plain = nativeTokenizers().Tokenizer.fromString(JSON.stringify(definition));
    const texts = hardTexts(special, 2000, 1);
    assert.equal(new Set(texts).size, 2000);
    const expected = (await plain.encodeBatch(texts)).map((encoding) => encoding.getIds());
    for (const [index, text] of texts.entries()) {
      const ids = await tokenizer.encode(text);
      assert.deepEqual(ids, expected[index], JSON.stringify(text));
      // A half of a pair is no character, and becomes the one that stands for any that is wrong.
      assert.deepEqual(ids, independent(text.toWellFormed()), JSON.stringify(text));
    }
    assert.equal(tokenizer.vocabularySize, vocabularySize);
    const [begin] = await tokenizer.encode("");
    assert.equal(begin ?? null, tokenizer.bosToken);
  });
}

Deno.test("Llama-2: texts have the ids that a later version of the reference gave them, in Python", async () => {
  const { definition, settings } = await realTokenizers["Llama-2"]();
  const tokenizer = await TextTokenizer.fromJson(definition, settings, "llama", 32000);
  const { texts, ids } = await tokenizerFixture("llama2_hard_texts");
  assert.equal(texts.length, 196);
  for (const [index, text] of texts.entries()) {
    assert.deepEqual(await tokenizer.encode(text), ids[index], JSON.stringify(text));
  }
});

Deno.test("tokens that a fine-tune of Mistral added have ids that its base's model does not know", async () => {
  const { definition, settings, independent } = await realTokenizers.Mistral();
  const added = {
    32000: { content: "<|im_end|>", special: true },
    32001: { content: "<|im_start|>", special: true },
  };
  const grown = { ...settings, added_tokens_decoder: added, eos_token: "<|im_end|>" };
  const of = (limit: number) => TextTokenizer.fromJson(definition, grown, "grown", limit);
  const tokenizer = await of(32002);
  const text = "<|im_start|>user\n Grüße 🤷🏽‍♀️<|im_end|>\n";
  const [user, end] = ["user\n Grüße 🤷🏽‍♀️", "\n"].map((part) => independent(part).slice(1));
  assert.deepEqual(await tokenizer.encode(text), [1, 32001, ...user, 32000, ...end]);
  assert.deepEqual([tokenizer.eosToken, tokenizer.vocabularySize], [32000, 32002]);
  const base = await of(32000);
  assert.equal(base.eosToken, null);
  await assert.rejects(base.encode(text), (error) => {
    assert.ok(error instanceof TokenizerError);
    assert.match(
      error.message,
      /'<\|im_start\|>' an id beyond.*got 32001; expected ids below 32000/,
    );
    return true;
  });
  assert.deepEqual(await base.encode("Grüße"), independent("Grüße"));
});

Deno.test("Llama-2: legacy and a chat template change no id; add_bos_token may not say otherwise", async () => {
  const { definition, settings, independent } = await realTokenizers["Llama-2"]();
  const of = (more: object) =>
    TextTokenizer.fromJson(definition, { ...settings, ...more }, "llama", 32000);
  const text =
    "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST]  Why? [/INST]";
  const given = [{ legacy: true }, { legacy: false }, { legacy: null }, {
    chat_template: "{{ x }}",
  }];
  for (const more of given) {
    const tokenizer = await of(more);
    assert.deepEqual(await tokenizer.encode(text), independent(text), JSON.stringify(more));
  }
  await assert.rejects(of({ add_bos_token: false }), /'add_bos_token': its post_processor and/);
  await assert.rejects(of({ add_eos_token: true }), /'add_eos_token': its post_processor and/);
});
