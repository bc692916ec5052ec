import assert from "node:assert/strict";
import fc from "fast-check";
import { linesOf, plotlyText, widthOf } from "../../lib/figures/text_lines.ts";

const type = { size: 10 };

Deno.test("text breaks at spaces, each line as full as it can be", () => {
  const width = widthOf("llama-base → llama-assistant;", type);
  assert.deepEqual(
    linesOf("llama-base → llama-assistant; 95\u00a0% intervals", width, type),
    ["llama-base → llama-assistant;", "95\u00a0% intervals"],
  );
  assert.deepEqual(linesOf("one line", 1000, type), ["one line"]);
  assert.deepEqual(linesOf("", 1000, type), [""]);
});

Deno.test("a word that fits on no line breaks after a hyphen, else anywhere", () => {
  const width = widthOf("Mistral-7B-", type);
  assert.deepEqual(linesOf("Mistral-7B-Instruct", width, type), ["Mistral-7B-", "Instruct"]);
  assert.deepEqual(linesOf("a Mistral-7B-Instruct", width, type)[0], "a Mistral-");
  const lines = linesOf("M".repeat(40), width, type);
  assert.ok(lines.length > 1 && lines.every((line) => widthOf(line, type) <= width));
});

Deno.test("no line is too wide and no letter is lost, whatever the text", () => {
  const words = fc.array(fc.stringMatching(/^[a-zA-Z0-9→_/.-]{1,30}$/), { minLength: 1 });
  fc.assert(
    fc.property(words, fc.integer({ min: 20, max: 300 }), fc.boolean(), (all, width, bold) => {
      const text = all.join(" ");
      const lines = linesOf(text, width, { size: 10, bold });
      for (const line of lines) assert.ok(widthOf(line, { size: 10, bold }) <= width, line);
      assert.equal(lines.join("").replaceAll(" ", ""), text.replaceAll(" ", ""));
    }),
  );
});

Deno.test("bold text is wider, and twice the size is twice as wide", () => {
  assert.ok(widthOf("Published", { size: 10, bold: true }) > widthOf("Published", type));
  assert.equal(widthOf("Published", { size: 20 }), 2 * widthOf("Published", type));
});

Deno.test("what plotly would read as HTML stays text", () => {
  assert.equal(plotlyText(["a<b>", "c & d"]), "a&lt;b><br>c &amp; d");
});
