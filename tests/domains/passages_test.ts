import assert from "node:assert/strict";
import fc from "fast-check";
import type { TextDocument } from "../../lib/domains/document.ts";
import { calibrationDocuments } from "../../lib/domains/domains.ts";
import { calibrationPassages, LONGEST_PASSAGE } from "../../lib/domains/passages.ts";
import { embeddedTexts } from "../../lib/domains/study_texts.ts";

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
