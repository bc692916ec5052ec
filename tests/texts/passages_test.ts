import assert from "node:assert/strict";
import fc from "fast-check";
import type { TextDocument } from "../../lib/texts/document.ts";
import { calibrationDocuments } from "../../lib/texts/domains.ts";
import { createHash } from "node:crypto";
import {
  calibrationPassages,
  LONGEST_PASSAGE,
  ownPassages,
  utf8Length,
} from "../../lib/texts/passages.ts";
import { embeddedTexts } from "../../lib/texts/study_texts.ts";

/** Lines with text, as a passage has them. */
const filledLines = (text: string) => text.split("\n").filter((line) => line.trim() !== "");

/** Documents whose every line says which document and line it is, some of them blank. */
const anyDocuments = fc.array(
  fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 }),
  { maxLength: 6 },
).map((documents) =>
  documents.map((lengths, document): TextDocument => ({
    name: `document ${document}`,
    text: lengths.map((length, line) =>
      length < 20 ? " ".repeat(length) : `${document}:${line} `.padEnd(length, "x")
    ).join("\n"),
  }))
);

/**
 * Checks that every passage is a run of one document's filled lines, that no line is in two of them,
 * and answers the lines of each document that are in none.
 */
function linesLeftOut(documents: readonly TextDocument[], passages: readonly string[]): string[][] {
  const taken = new Set<string>();
  for (const passage of passages) {
    const [first] = passage.split("\n");
    const found = documents.some(({ text }) => {
      const lines = filledLines(text);
      const start = lines.indexOf(first);
      const run = lines.slice(start, start + passage.split("\n").length);
      return start >= 0 && run.join("\n") === passage;
    });
    assert.ok(found, `no run of whole lines: ${passage}`);
    for (const line of passage.split("\n")) {
      assert.ok(!taken.has(line), `twice: ${line}`);
      taken.add(line);
    }
  }
  return documents.map(({ text }) => filledLines(text).filter((line) => !taken.has(line)));
}

Deno.test("passages are runs of whole lines; only the tail of a document is in none", () => {
  fc.assert(fc.property(anyDocuments, fc.integer(), (documents, seed) => {
    const left = linesLeftOut(documents, calibrationPassages(documents, seed));
    for (const [index, lines] of left.entries()) {
      const all = filledLines(documents[index].text);
      assert.deepEqual(lines, all.slice(all.length - lines.length));
      // More would have been a passage.
      assert.ok(lines.join("\n").length < LONGEST_PASSAGE);
    }
  }));
});

Deno.test("a passage has 100 characters at least, and at most 1100 before its last line", () => {
  fc.assert(fc.property(anyDocuments, fc.integer(), (documents, seed) => {
    for (const passage of calibrationPassages(documents, seed)) {
      assert.ok(passage.length >= 100);
      assert.ok(passage.lastIndexOf("\n") < LONGEST_PASSAGE);
    }
  }));
});

Deno.test("the seed determines passages and their order, and nothing else does", () => {
  fc.assert(fc.property(anyDocuments, fc.integer(), (documents, seed) => {
    assert.deepEqual(calibrationPassages(documents, seed), calibrationPassages(documents, seed));
  }));
});

Deno.test("no documents give no passages", () => {
  assert.deepEqual(calibrationPassages([], 1), []);
});

Deno.test("the embedded calibration text gives passages shorter and longer than a sequence", async () => {
  const documents = await calibrationDocuments();
  const characters = documents.reduce((sum, { text }) => sum + text.length, 0);
  for (const seed of [1, 2, 3]) {
    const passages = await embeddedTexts.calibration(seed);
    assert.deepEqual(passages, calibrationPassages(documents, seed));
    // 128 tokens are some 310 characters.
    const short = passages.filter(({ length }) => length < 310).length;
    const long = passages.filter(({ length }) => length > 620).length;
    assert.ok(short >= 20 && long >= 200, `${short} short, ${long} long`);
    const used = passages.reduce((sum, { length }) => sum + length, 0);
    assert.ok(used > 0.9 * characters && used <= characters);
  }
});

Deno.test("three seeds begin with other text and cut it elsewhere", async () => {
  const [one, two, three] = await Promise.all(
    [1, 2, 3].map((seed) => embeddedTexts.calibration(seed)),
  );
  const beginnings = [one, two, three].map((passages) => passages.slice(0, 8).join("\n"));
  assert.equal(new Set(beginnings).size, 3);
  const inBoth = one.filter((passage) => two.includes(passage)).length;
  // A paragraph that is longer than any passage is always one of its own.
  assert.ok(inBoth < one.length / 2, `${inBoth} of ${one.length}`);
});

Deno.test("the embedded text's passages are those that all published numbers were made with", async () => {
  const passages = JSON.stringify(await embeddedTexts.calibration(1));
  const hash = createHash("sha256").update(passages).digest("hex");
  assert.equal(hash.slice(0, 16), "042dab883a07ae6a");
});

/** Texts of one line: prose, a script without spaces, one with words of three bytes a letter, no words. */
const oneLine = {
  prose: "The quick brown fox jumps over the lazy dog, again and again. ".repeat(400),
  chinese: "敏捷的棕色狐狸跳过了懒狗，一次又一次。".repeat(400),
  thai: "สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ".repeat(200),
  wordless: "ACGT".repeat(5000),
  emoji: "🙂".repeat(5000),
};

for (const [kind, text] of Object.entries(oneLine)) {
  Deno.test(`a text on one line gives many passages: ${kind}`, () => {
    const passages = ownPassages([{ name: kind, text }], 1);
    const bytes = utf8Length(text);
    assert.ok(passages.length > bytes / 1200, `${passages.length} of ${bytes} bytes`);
    let used = 0;
    for (const passage of passages) {
      assert.ok(
        text.includes(passage) && passage.isWellFormed() && passage.trimStart() === passage,
      );
      const length = utf8Length(passage);
      // A run of words has the shortest passage's length and less than a part's more.
      assert.ok(length >= 100 && length < LONGEST_PASSAGE + 100 + 400, `${length} bytes`);
      used += length;
    }
    assert.ok(used > 0.9 * bytes && used <= bytes);
  });
}

Deno.test("no two passages of a line share a word, and none is lost but at its end", () => {
  const words = Array.from({ length: 4000 }, (_, index) => `word${index}`);
  const passages = ownPassages([{ name: "line", text: words.join(" ") }], 5);
  const found = passages.flatMap((passage) => passage.split(" ")).filter((word) => word !== "");
  const order = found.map((word) => Number(word.slice(4))).sort((a, b) => a - b);
  assert.deepEqual(order, words.slice(0, order.length).map((_, index) => index));
  assert.ok(words.length - order.length < 200);
});

Deno.test("where no line is long, a text of one's own is cut as the embedded one", () => {
  fc.assert(fc.property(anyDocuments, fc.integer(), (documents, seed) => {
    assert.deepEqual(ownPassages(documents, seed), calibrationPassages(documents, seed));
  }));
});
