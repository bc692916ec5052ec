import assert from "node:assert/strict";
import { brownDocument, brownDocumentNames, brownParagraphs } from "../../lib/texts/brown.ts";

Deno.test("form C becomes paragraphs and headings", () => {
  const tagged = [
    "",
    "Wards/nns-hl protected/vbn-hl ",
    "The/at rain/nn ended/vbd ./.",
    "",
    "\tIt/pps cost/vbd $5/nns (/( or/cc more/ap )/) ;/. ;/.",
    "nobody/pn paid/vbd ./.",
    "",
    "",
    "\tWhy/wrb ?/. ?/.",
  ].join("\n");
  assert.deepEqual(brownParagraphs(tagged), [
    "Wards protected",
    "The rain ended.",
    "It cost $5 (or more); nobody paid.",
    "Why?",
  ]);
});

Deno.test("quotes close around the marks that American printing sets inside them", () => {
  const tagged = "\t``/`` We/ppss sold/vbd four/cd ''/'' ,/, he/pps said/vbd ./.\n" +
    "``/`` Call/vb it/ppo '/' hot/jj '/' ''/'' !/. !/.";
  assert.deepEqual(brownParagraphs(tagged), [
    `"We sold four," he said. "Call it 'hot!'"`,
  ]);
});

Deno.test("abbreviations, symbols, slashes and inches keep their sense", () => {
  const tagged =
    "\tThe/at **yg-globulin/nn and/or/cc 1/4''/nn tube/nn of/in Harvester/np Co./nn-tl ./.";
  assert.deepEqual(brownParagraphs(tagged), [
    `The g-globulin and/or 1/4" tube of Harvester Co.`,
  ]);
});

Deno.test("all 500 documents hold clean prose", async () => {
  const names = await brownDocumentNames();
  assert.equal(names.length, 500);
  for (const name of names) {
    const { text } = await brownDocument(name);
    assert.ok(text.length > 8000, name);
    assert.doesNotMatch(text, /\/(nn|vb|at|jj|np)\b|``|''|\*\*| {2}|\n\n| [,;]/, name);
  }
});
