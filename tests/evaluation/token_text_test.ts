import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { OptionError, TextError } from "../../lib/util/errors.ts";
import { firstTokens, tokenText } from "../../lib/evaluation/token_text.ts";
import { testWithShared } from "../shared.ts";
import { fixtureTokenizer } from "../checkpoint/fixture_tokenizer.ts";
import { smallTokenizer } from "../studies/embedded_pairs/small_tokenizer.ts";

const tokenizer = await smallTokenizer();
const bytesIn = (text: string) => new TextEncoder().encode(text).length;
const named = (...texts: string[]) => texts.map((text, index) => ({ name: `text ${index}`, text }));

/**
 * Compares with what is known of every byte of the text: which document it is of. A token's own first
 * byte is where the tokens before it end, but where these tokens are parts of one character.
 */
async function assertAttributed(texts: string[], tokenizer: TextTokenizer): Promise<void> {
  const text = await tokenText("texts", named(...texts), tokenizer);
  const joined = texts.map((each) => `${each}\n\n`);
  const { ids, starts, ends } = await tokenizer.encodeWithOffsets(joined.join(""));
  assert.deepEqual(text.tokens, ids);
  assert.deepEqual(text.documents, texts.map((_, index) => `text ${index}`));
  const ownerOfByte = joined.flatMap((each, index) => Array<number>(bytesIn(each)).fill(index));
  text.documentOf.forEach((document, token) => {
    if (starts[token] === ends[token]) return;
    assert.equal(document, ownerOfByte[starts[token]], `token ${token}`);
  });
  let covered = 0;
  text.bytes.forEach((count, token) => {
    covered += count;
    assert.ok(count >= 0 && covered <= ends[token] || covered === ownerOfByte.length);
    if (ends[token] !== ends[token + 1]) assert.ok(covered >= ends[token], `token ${token}`);
  });
  assert.equal(covered, ownerOfByte.length, "the bytes of all tokens are those of the text");
}

const piece = fc.constantFrom("the", " cat", " ", "\n", "é", "日本", "🙂", "<s>", "ﬁ", "    ", "x");
const anyText = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
const anyTexts = fc.array(anyText, { minLength: 1, maxLength: 6 })
  .filter((texts) => texts.join("").trim() !== "");

Deno.test("tokens belong to the document that their first byte lies in", async () => {
  await fc.assert(fc.asyncProperty(anyTexts, (texts) => assertAttributed(texts, tokenizer)));
});

for (
  const family of ["byte-level", "metaspace", "replace", "unigram", "word-level", "word-piece"]
) {
  Deno.test(`${family}: every byte of a text is a token's, whatever tokens decode to`, async () => {
    const tokenizer = await fixtureTokenizer(family);
    await fc.assert(fc.asyncProperty(anyTexts, (texts) => assertAttributed(texts, tokenizer)));
  });
}

Deno.test("by hand: characters that the tokenizer spells in bytes", async () => {
  const text = await tokenText("by hand", named("é", "", "🙂"), tokenizer);
  // <s>; the space before the text and two bytes share é; two newlines; two newlines; four bytes, …
  assert.deepEqual([...text.bytes], [0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual([...text.documentOf], [0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2]);
});

Deno.test("by hand: joined spaces, an unknown word, special tokens in the text", async () => {
  const joined = await fixtureTokenizer("metaspace");
  const spaces = await tokenText("spaces", named("    x", "    x"), joined);
  // Four spaces are one token; a prefix space before the text shares its span with none of them.
  assert.equal(spaces.bytes.reduce((sum, each) => sum + each, 0), 2 * 7);
  assert.ok(spaces.bytes.includes(4), `${spaces.bytes}`);
  const half = spaces.documentOf.indexOf(1);
  assert.equal(spaces.bytes.subarray(0, half).reduce((sum, each) => sum + each, 0), 7);

  const words = await fixtureTokenizer("word-level");
  const unknown = await tokenText("unknown", named("the zyzzyva", "  the"), words);
  // "the"; " zyzzyva" is <unk>; "\n\n  the" with what its normalizer strips at the end.
  assert.deepEqual([...unknown.bytes], [3, 8, 2 + 5 + 2]);
  assert.deepEqual([...unknown.documentOf], [0, 0, 1]);

  const struck = await tokenText("special", named("<s>the</s>", "<s>"), tokenizer);
  const [first, second] = [0, 1].map((document) =>
    struck.bytes.filter((_, token) => struck.documentOf[token] === document)
      .reduce((sum, each) => sum + each, 0)
  );
  assert.deepEqual([first, second], [3 + 3 + 4 + 2, 3 + 2]);
});

testWithShared("tokens of a real tokenizer and text belong to their documents", async (shared) => {
  const tokenizer = await TextTokenizer.open(join(shared, "real", "stories260k"));
  const text = await Deno.readTextFile(
    join(shared, "real", "text", "wikitext-2-raw.test.head.txt"),
  );
  await assertAttributed(text.slice(0, 20_000).split("\n \n"), tokenizer);
});

Deno.test("no text is refused by name", async () => {
  for (const texts of [[], [""], ["  ", "\n"]]) {
    await assert.rejects(tokenText("nothing.txt", named(...texts), tokenizer), (error) => {
      assert.ok(error instanceof TextError);
      assert.match(error.message, /'nothing\.txt': is empty/);
      return true;
    });
  }
});

Deno.test("the opening of a text has its first tokens, and the documents that they are of", async () => {
  const text = await tokenText("texts", named("the cat", "a dog", "the end"), tokenizer);
  const second = text.documentOf.indexOf(1);
  const opening = firstTokens(text, second + 1);
  assert.deepEqual(opening.tokens, text.tokens.slice(0, second + 1));
  assert.deepEqual(opening.bytes, text.bytes.slice(0, second + 1));
  assert.deepEqual([opening.documentOf.at(-1), opening.documents], [1, ["text 0", "text 1"]]);
  assert.deepEqual(firstTokens(text, 1e6), text);
  for (const most of [0, -1, 1.5, NaN]) assert.throws(() => firstTokens(text, most), OptionError);
});
