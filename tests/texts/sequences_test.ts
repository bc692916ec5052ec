import assert from "node:assert/strict";
import fc from "fast-check";
import {
  calibrationSequences,
  padSequences,
  SEQUENCE_LENGTH,
  takeSequences,
} from "../../lib/texts/sequences.ts";
import { TextError } from "../../lib/util/errors.ts";
import { smallTokenizer } from "../studies/embedded_pairs/small_tokenizer.ts";

const PADDING = 99;
const ids = fc.array(fc.integer({ min: 0, max: 98 }), { maxLength: 12 });

Deno.test("sequences hold the start of each text, then padding", () => {
  fc.assert(fc.property(
    fc.array(ids, { minLength: 1, maxLength: 5 }),
    fc.integer({ min: 1, max: 9 }),
    (texts, length) => {
      const { count, tokens, attentionMask } = padSequences(texts, PADDING, length);
      assert.equal(count, texts.length);
      assert.equal(tokens.length, count * length);
      texts.forEach((text, row) => {
        const kept = text.slice(0, length);
        const padding = Array<number>(length - kept.length).fill(PADDING);
        const span = [row * length, (row + 1) * length] as const;
        assert.deepEqual([...tokens.subarray(...span)], [...kept, ...padding]);
        const expected = [...kept.map(() => 1), ...padding.map(() => 0)];
        assert.deepEqual([...attentionMask.subarray(...span)], expected);
      });
    },
  ));
});

Deno.test("sequences are taken round and round", () => {
  const from = padSequences([[1, 2], [3], [4, 5, 6]], PADDING, 3);
  fc.assert(fc.property(fc.nat(20), fc.integer({ min: 1, max: 8 }), (first, count) => {
    const { tokens, attentionMask, ...sizes } = takeSequences(from, first, count);
    assert.deepEqual(sizes, { count, length: 3 });
    for (let row = 0; row < count; row++) {
      const at = ((first + row) % 3) * 3;
      const span = [row * 3, row * 3 + 3] as const;
      assert.deepEqual(tokens.slice(...span), from.tokens.slice(at, at + 3));
      assert.deepEqual(attentionMask.slice(...span), from.attentionMask.slice(at, at + 3));
    }
  }));
});

Deno.test("texts become ids with the start token, padded with the end token", async () => {
  const tokenizer = await smallTokenizer();
  const texts = ["the cat", "", "the rat sat on the mat. ".repeat(60)];
  const { count, length, tokens, attentionMask } = await calibrationSequences(texts, tokenizer);
  assert.deepEqual([count, length], [3, SEQUENCE_LENGTH]);
  for (const [row, text] of texts.entries()) {
    const expected = (await tokenizer.encode(text)).slice(0, length);
    const start = row * length;
    assert.deepEqual([...tokens.subarray(start, start + expected.length)], expected);
    const rest = tokens.subarray(start + expected.length, start + length);
    assert.ok(rest.every((token) => token === tokenizer.eosToken));
    const real = attentionMask.subarray(start, start + length).reduce((sum, each) => sum + each, 0);
    assert.equal(real, expected.length);
  }
  assert.equal(tokens[0], tokenizer.bosToken);
  assert.equal(attentionMask[3 * length - 1], 1, "a long text fills its sequence");
});

Deno.test("no texts are refused", () => {
  assert.throws(() => padSequences([], PADDING, 4), TextError);
});
