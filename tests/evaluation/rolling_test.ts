/** Rolling scores against a plain float64 decoder, token by token, and against the words of Python. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type RollingTokenizer,
  rollingWindows,
  scoreRolling,
  wordCount,
} from "../../lib/evaluation/rolling.ts";
import { engine } from "../methods/oracle_pair.ts";
import { relativeError } from "../graph/closeness.ts";
import { decoderLogits } from "../model/plain/decoder.ts";
import { crossEntropy } from "../graph/plain/likelihood.ts";
import { plainWeights, randomModel, tinyConfig } from "../model/random_model.ts";

const model = randomModel(tinyConfig, 5);
const { vocabularySize } = tinyConfig;

/** A token a character. */
const tokenizer: RollingTokenizer = {
  bosToken: 1,
  eosToken: 2,
  encodeWithoutSpecial: (text) => [...text].map((letter) => letter.charCodeAt(0) % vocabularySize),
};

/**
 * NLL of token `at` of a document: given the tokens of its window before it, where windows of `length`
 * follow each other from the token before their first on, and the last has as many tokens as fit.
 */
function plainNll(tokens: readonly number[], prefix: number, at: number, length: number): number {
  const all = [prefix, ...tokens];
  const isLast = Math.floor(at / length) === Math.floor((tokens.length - 1) / length);
  const begin = isLast ? Math.max(0, tokens.length - length) : at - at % length;
  const inputs = Float64Array.from(all.slice(begin, at + 1));
  const shape = { batch: 1, sequence: inputs.length };
  const logits = decoderLogits(tinyConfig, plainWeights(model), inputs, shape);
  return crossEntropy(logits.subarray(-vocabularySize), [tokens[at]])[0];
}

function plainSum(texts: readonly string[], prefix: number, length: number): number {
  return texts.flatMap((text) => {
    const tokens = tokenizer.encodeWithoutSpecial(text) as readonly number[];
    return tokens.map((_, at) => plainNll(tokens, prefix, at, length));
  }).reduce((sum, each) => sum + each, 0);
}

const letters = "the cat sat on the mat and the rat";

/** Documents below, at and above multiples of a window of 6, two of one length. */
const texts = [1, 4, 6, 7, 12, 15, 15].map((count, index) => letters.slice(index, index + count));
const documents = texts.map((text, index) => ({ name: `${index}`, text }));

Deno.test("the sum is that of every token given the tokens of its window, document by document", async () => {
  const scored = (await scoreRolling(engine, model, "text", documents, tokenizer, 6))!;
  const nll = plainSum(texts, 1, 6);
  assert.ok(relativeError([scored.nll], [nll]) < 1e-5, `${scored.nll} against ${nll}`);
  assert.equal(scored.tokens, 60);
  // As Python counts them: re.split(r"\s+", text).
  const words = texts.reduce((sum, text) => sum + text.split(/ +/).length, 0);
  assert.deepEqual([scored.words, scored.bytes], [words, 60]);
  assert.equal(scored.wordPerplexity, Math.exp(scored.nll / words));
  assert.equal(scored.bytePerplexity, Math.exp(scored.nll / 60));
  assert.equal(scored.bitsPerByte, Math.log2(scored.bytePerplexity));
});

Deno.test("documents that fit one window are padded to few lengths, which changes nothing", async () => {
  const scored = (await scoreRolling(engine, model, "text", documents, tokenizer, 40))!;
  const nll = plainSum(texts, 1, 40);
  assert.ok(relativeError([scored.nll], [nll]) < 1e-5, `${scored.nll} against ${nll}`);
  const lengths = Array.from({ length: 800 }, (_, count) => rollingWindows(count + 1, 800).length);
  assert.equal(new Set(lengths).size, 8);
  assert.ok(lengths.every((length, count) => length > count + 1 && length <= 801));
});

Deno.test("a token of the end stands before a document where none of the beginning is known", async () => {
  const only = { ...tokenizer, bosToken: null };
  const scored = (await scoreRolling(engine, model, "text", documents, only, 6))!;
  assert.ok(relativeError([scored.nll], [plainSum(texts, 2, 6)]) < 1e-5);
  const config = { ...tinyConfig, bosToken: null, eosToken: null };
  const neither = { ...tokenizer, bosToken: null, eosToken: null };
  const unmarked = { ...model, config };
  assert.equal(await scoreRolling(engine, unmarked, "text", documents, neither, 6), null);
});

Deno.test("windows are those of the harness: disjoint predictions, the last with the longest context", () => {
  const inputs = (count: number, length: number) =>
    rollingWindows(count, length).windows.map(({ begin, end, scored, skipped, counted }) => ({
      // In the harness's terms: tokens that the model sees, -1 the one before the document.
      sees: [begin - 1, end - 3],
      predicts: [end - scored + skipped - 1, end - scored + skipped + counted - 2],
    }));
  // get_rolling_token_windows(range(10), prefix, max_seq_len=4, context_len=1).
  assert.deepEqual(inputs(10, 4), [
    { sees: [-1, 2], predicts: [0, 3] },
    { sees: [3, 6], predicts: [4, 7] },
    { sees: [5, 8], predicts: [8, 9] },
  ]);
  assert.deepEqual(inputs(8, 4), [
    { sees: [-1, 2], predicts: [0, 3] },
    { sees: [3, 6], predicts: [4, 7] },
  ]);
  assert.deepEqual(rollingWindows(0, 4), { length: 1, windows: [] });
});

Deno.test("every token counts once, from the beginning of its window, however many are scored at once", () => {
  const sizes = fc.record({
    count: fc.integer({ min: 1, max: 9000 }),
    length: fc.integer({ min: 1, max: 4500 }),
  });
  fc.assert(
    fc.property(sizes, ({ count, length }) => {
      const { windows } = rollingWindows(count, length);
      const seen = windows.flatMap(({ begin, end, scored, skipped, counted }) => {
        assert.ok(scored <= 1024 && end - begin <= length + 1 && skipped + counted <= scored);
        const first = end - scored + skipped;
        return Array.from({ length: counted }, (_, index) => [first + index - 1, begin]);
      });
      assert.deepEqual(seen.map(([token]) => token), Array.from({ length: count }, (_, at) => at));
      for (const [token, begin] of seen) {
        const isLast = Math.floor(token / length) === Math.floor((count - 1) / length);
        assert.equal(begin, isLast ? Math.max(0, count - length) : token - token % length);
      }
      // Windows of one length score as many tokens: they run in one batch.
      const scored = new Map(windows.map(({ begin, end, scored }) => [end - begin, scored]));
      for (const { begin, end, scored: own } of windows) assert.equal(scored.get(end - begin), own);
    }),
    { numRuns: 50 },
  );
});

const counts: readonly [text: string, words: number][] = [
  ["", 1],
  ["one", 1],
  ["one two", 2],
  [" one  two\n\n", 4],
  ["one\u00a0two\u2003three\u3000four\u0085five", 5],
  // Information separators are white space to Python and not to JavaScript,
  ["one\u001ctwo\u001fthree", 3],
  // a byte order mark the reverse, and a zero width space to neither.
  ["one\ufefftwo\u200bthree", 1],
];

for (const [text, words] of counts) {
  Deno.test(`${JSON.stringify(text)} splits into ${words} at white space, as in Python`, () => {
    assert.equal(wordCount(text), words);
  });
}

Deno.test("a perplexity that no number holds is none", async () => {
  // One word of as many letters as it takes: above exp(709).
  const document = [{ name: "a", text: letters.replaceAll(" ", "").repeat(12) }];
  const scored = (await scoreRolling(engine, model, "text", document, tokenizer, 40))!;
  assert.ok(scored.nll > 710);
  assert.equal(scored.wordPerplexity, null);
  assert.equal(scored.bytePerplexity, Math.exp(scored.nll / scored.bytes));
});

Deno.test("bytes are those of UTF-8, of the documents alone", async () => {
  const document = [{ name: "a", text: "naïve 猫" }];
  const scored = (await scoreRolling(engine, model, "text", document, tokenizer, 40))!;
  assert.deepEqual([scored.bytes, scored.words, scored.tokens], [10, 2, 7]);
});
