/** What is refused in a `tokenizer.json`, by name, and what of it makes no difference. */

import assert from "node:assert/strict";
import { added, assertRefused, definition, open } from "./tokenizer_definitions.ts";

Deno.test("an id is a whole number below 2³¹, of one token alone", async () => {
  for (const id of [-1, 1.5, 2 ** 31, 2 ** 32 - 6, 1e300, "4", null]) {
    const json = definition();
    json.model.vocab.d = id;
    await assertRefused(json, /'model\.vocab': token 'd' has no id: got/);
    if (typeof id !== "number") continue;
    await assertRefused({ ...definition(), added_tokens: [added("<d>", id)] }, /'<d>' has no id/);
  }
  const twice = definition();
  twice.model.vocab.d = 2;
  await assertRefused(twice, /id 2 stands for two tokens, 'b' and 'd'/);
  const taken = { ...definition(), added_tokens: [added("<s>", 0), added("<d>", 2)] };
  await assertRefused(taken, /'added_tokens': id 2 stands for two tokens, 'b' and '<d>'/);
  const other = { ...definition(), added_tokens: [added("<s>", 0), added("b", 4)] };
  await assertRefused(other, /token 'b' has two ids, 2 and 4/);
  const vocab = [["<unk>", 0], ["a", -1], ["b", -2], ["a", -3]];
  const unigram = {
    ...definition(),
    added_tokens: [],
    model: { type: "Unigram", unk_id: 0, vocab },
  };
  await assertRefused(unigram, /token 'a' has two ids, 1 and 3/);
  unigram.model.vocab[3] = ["c"];
  await assertRefused(unigram, /entry 3 is no piece/);
});

Deno.test("an added token has the id that the reference gives it", async () => {
  const next = { ...definition(), added_tokens: [added("<s>", 0), added("<pad>", 4)] };
  assert.deepEqual(await (await open(next)).encode("a<pad>"), [0, 1, 4]);
  const gap = { ...definition(), added_tokens: [added("<s>", 0), added("<pad>", 9)] };
  await assertRefused(gap, /added token '<pad>' does not.*got 9; expected 4/);
});

Deno.test("merges are not dropped by chance", async () => {
  const json = definition();
  json.model.dropout = 0.1;
  await assertRefused(json, /'model\.dropout'.*got 0\.1/);
  json.model.dropout = 0;
  assert.deepEqual(await (await open(json)).encode("abc"), [0, 1, 2, 3]);
});

Deno.test("truncation and padding neither cut nor fill a text", async () => {
  const truncation = { direction: "Right", max_length: 2, strategy: "LongestFirst", stride: 0 };
  const padding = {
    strategy: { Fixed: 9 },
    direction: "Right",
    pad_to_multiple_of: null,
    pad_id: 3,
    pad_type_id: 0,
    pad_token: "c",
  };
  const tokenizer = await open({ ...definition(), truncation, padding });
  assert.deepEqual(await tokenizer.encode("abab"), [0, 1, 2, 1, 2]);
});

Deno.test("both files agree on the marks around a text", async () => {
  const config = { bos_token: "<s>", eos_token: "c", add_bos_token: true, add_eos_token: false };
  assert.deepEqual(await (await open(definition(), config)).encode("a"), [0, 1]);
  await assertRefused(definition(), /'add_bos_token'.*got false; expected true/, {
    ...config,
    add_bos_token: false,
  });
  await assertRefused(definition(), /'add_eos_token'.*got true; expected false/, {
    ...config,
    add_eos_token: true,
  });
});

Deno.test("one mark for both ends of a text stands where the post-processor puts it", async () => {
  const config = { bos_token: "<s>", eos_token: "<s>", add_bos_token: true, add_eos_token: false };
  assert.deepEqual(await (await open(definition(), config)).encode("a"), [0, 1]);
  await assertRefused(definition(), /'add_eos_token'.*got true; expected false/, {
    ...config,
    add_eos_token: true,
  });
});

Deno.test("a text that a model has no token for is refused as that", async () => {
  const model = { type: "WordLevel", vocab: { "<s>": 0, a: 1 }, unk_token: "<unk>" };
  const tokenizer = await open({ ...definition(), model });
  assert.deepEqual(await tokenizer.encode("a"), [0, 1]);
  await assert.rejects(tokenizer.encode("b"), /cannot encode a text.*\[UNK\].*unknown token for/);
});
