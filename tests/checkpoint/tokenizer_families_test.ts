/** Ids and offsets of every family against those of the reference, and against an engine of our own. */

import assert from "node:assert/strict";
import { utf8Offsets } from "../../lib/checkpoint/tokenizer.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { plainTokenizers } from "./plain_tokenizers.ts";
import { fixtureTokenizer, tokenizerFixture } from "./fixture_tokenizer.ts";

interface Encodings {
  texts: string[];
  encodings: Record<string, { ids: number[][]; offsets: number[][] }>;
}

const { texts, encodings }: Encodings = await tokenizerFixture("encodings");

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

for (const [family, { ids, offsets }] of Object.entries(encodings)) {
  Deno.test(`${family}: ids and spans are the reference's`, async () => {
    const tokenizer = await fixtureTokenizer(family);
    for (const [index, text] of texts.entries()) {
      const encoded = await tokenizer.encodeWithOffsets(text);
      assert.deepEqual([...encoded.ids], ids[index], JSON.stringify(text));
      assert.deepEqual(await tokenizer.encode(text), ids[index]);
      const characters = [...text];
      const byteAt = (place: number) => bytesOf(characters.slice(0, place).join(""));
      const spans = offsets[index].map(byteAt);
      assert.deepEqual([...encoded.starts], spans.filter((_, at) => at % 2 === 0));
      assert.deepEqual([...encoded.ends], spans.filter((_, at) => at % 2 === 1));
    }
  });
}

const pieces = [
  ..."aeinorst,.'!)(#1 é€🙂日한я",
  ..." ",
  ..." ",
  "  ",
  "   ",
  "\n",
  "\n\n",
  "the",
  "Robert",
  "international",
  "’s",
  "I'LL",
  "don't",
  "1961",
  "naïve",
  "e\u0301",
  "ﬁ",
  "Ⅳ",
  "½",
  "中文",
  "Привет",
  "한국어",
  "def f(x):",
  "----",
  "x".repeat(61),
];

/** A text of up to thirty pieces of many scripts. */
function randomText(random: SeededRandom): string {
  const length = Math.floor(30 * random.uniform());
  const piece = () => pieces[Math.floor(pieces.length * random.uniform())];
  return Array.from({ length }, piece).join("");
}

for (const [family, plain] of Object.entries(plainTokenizers)) {
  Deno.test(`${family}: 2,000 texts have the ids that its definition gives`, async () => {
    const [encode, tokenizer] = [await plain(), await fixtureTokenizer(family)];
    const random = new SeededRandom(1);
    for (let index = 0; index < 2000; index++) {
      const text = randomText(random);
      const ids = await tokenizer.encodeWithoutSpecial(text);
      assert.deepEqual(ids, encode(text), JSON.stringify(text));
    }
  });
}

Deno.test("a Unigram model finds the best of all segmentations, with bytes for the rest", async () => {
  const definition = await tokenizerFixture("unigram");
  const tokenizer = await fixtureTokenizer("unigram");
  const { vocab }: { vocab: [string, number][] } = definition.model;
  const scores = new Map(vocab.map(([piece, score], id) => [piece, { score, id }]));
  for (const word of ["Robert", "international", "the", "unbelievable", "Xyzzy"]) {
    // Every segmentation of a word of known characters, by its score.
    const best = (rest: string): { score: number; ids: number[] } | null => {
      if (rest === "") return { score: 0, ids: [] };
      const found = [];
      for (let length = 1; length <= rest.length; length++) {
        const piece = scores.get(rest.slice(0, length));
        const after = piece && best(rest.slice(length));
        if (after) {
          found.push({ score: piece.score + after.score, ids: [piece.id, ...after.ids] });
        }
      }
      return found.sort((a, b) => b.score - a.score)[0] ?? null;
    };
    const expected = best(`▁${word}`);
    if (expected === null) throw new Error(`'${word}' has characters without a piece`);
    assert.deepEqual(await tokenizer.encode(word), [1, ...expected.ids, 2]);
  }
  const bytes = [...new TextEncoder().encode("€")].map((byte) => 3 + byte);
  assert.deepEqual((await tokenizer.encode("€")).slice(-4), [...bytes, 2]);
});

Deno.test("a Unigram model encodes a text of a million tokens", async () => {
  const tokenizer = await fixtureTokenizer("unigram");
  const ids = await tokenizer.encode("€ ".repeat(250_000));
  // A space and three bytes each, less the space that is stripped of nothing: <s> and </s> around it.
  assert.equal(ids.length, 1 + 4 * 250_000 + 1 + 1);
});

Deno.test("white space at which a pattern would end the process is refused", async () => {
  const tokenizer = await fixtureTokenizer("byte-level");
  const text = `a${" ".repeat(12e6)}b`;
  await assert.rejects(tokenizer.encode(text), /so much white space.*'12000000 characters'/);
});

Deno.test("bytes before each character of a text", () => {
  for (const text of ["", "aé日🙂\n", "🙂🙂", "e\u0301", "\ud83d", "a\udc00b"]) {
    const offsets = utf8Offsets(text);
    const expected = [0];
    for (const character of text) expected.push(expected.at(-1)! + bytesOf(character));
    assert.deepEqual([...offsets], expected);
  }
});
