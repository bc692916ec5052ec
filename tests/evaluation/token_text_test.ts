import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";
import { TextError } from "../../lib/errors.ts";
import { tokenText } from "../../lib/evaluation/token_text.ts";
import { testWithShared } from "../shared.ts";
import { smallTokenizer } from "../training/small_tokenizer.ts";

const tokenizer = await smallTokenizer();
const bytesIn = (text: string) => new TextEncoder().encode(text).length;
const named = (...texts: string[]) => texts.map((text, index) => ({ name: `text ${index}`, text }));

/** Compares tokens, bytes and documents with an owner written down for every byte of the text. */
function assertAttributed(texts: string[], tokenizer: TextTokenizer): void {
  const text = tokenText("texts", named(...texts), tokenizer);
  const joined = texts.map((each) => `${each}\n\n`);
  assert.deepEqual([...text.tokens], tokenizer.encode(joined.join("")));
  assert.deepEqual(text.documents, texts.map((_, index) => `text ${index}`));
  const ownerOfByte = joined.flatMap((each, index) => Array<number>(bytesIn(each)).fill(index));
  // The tokenizer puts one space before the text, which counts to the first document.
  ownerOfByte.unshift(0);
  let offset = 0;
  text.bytes.forEach((count, token) => {
    assert.equal(text.documentOf[token], ownerOfByte[offset], `token ${token}`);
    offset += count;
  });
  assert.equal(offset, ownerOfByte.length, "bytes of all tokens");
}

Deno.test("tokens belong to the document that their first byte lies in", () => {
  const piece = fc.constantFrom("the", " cat", " ", "\n", "é", "日本", "🙂", "sat on", "x");
  const anyText = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(fc.property(fc.array(anyText, { minLength: 1, maxLength: 6 }), (texts) => {
    fc.pre(texts.join("").trim() !== "");
    assertAttributed(texts, tokenizer);
  }));
});

Deno.test("by hand: characters that the tokenizer spells in bytes", () => {
  const text = tokenText("by hand", named("é", "", "🙂"), tokenizer);
  // <s>, the space, two bytes and two newlines; two newlines; four bytes and two newlines.
  assert.deepEqual([...text.bytes], [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual([...text.documentOf], [0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2]);
});

testWithShared("tokens of a real tokenizer and text belong to their documents", async (shared) => {
  const tokenizer = await TextTokenizer.open(join(shared, "real", "stories260k"));
  const text = await Deno.readTextFile(
    join(shared, "real", "text", "wikitext-2-raw.test.head.txt"),
  );
  assertAttributed(text.slice(0, 20_000).split("\n \n"), tokenizer);
});

Deno.test("no text is refused by name", () => {
  for (const texts of [[], [""], ["  ", "\n"]]) {
    assert.throws(() => tokenText("nothing.txt", named(...texts), tokenizer), (error) => {
      assert.ok(error instanceof TextError);
      assert.match(error.message, /'nothing\.txt': is empty/);
      return true;
    });
  }
});
