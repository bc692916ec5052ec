/** Text of a stream against a plain picture of a terminal's lines. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { TerminalText } from "../../lib/notebooks/terminal_text.ts";

function written(pieces: readonly string[]): string {
  const text = new TerminalText();
  for (const piece of pieces) text.write(piece);
  return text.toString();
}

/** Line by line: backspaces first, then each part between carriage returns over those before it. */
function pictured(text: string): string {
  return text.split("\n").map((line) => {
    const parts = [""];
    for (const character of line) {
      const last = parts.length - 1;
      if (character === "\r") parts.push("");
      else if (character === "\b") parts[last] = parts[last].slice(0, -1);
      else parts[last] += character;
    }
    const end = parts.length > 1 && parts.at(-1) === "" ? "\r" : "";
    return parts.reduce((under, over) => over + under.slice(over.length)) + end;
  }).join("\n");
}

Deno.test("text goes back as in a terminal, however it is cut", () => {
  const piece = fc.string({
    unit: fc.constantFrom("a", "b", "c", "\r", "\b", "\n"),
    maxLength: 12,
  });
  fc.assert(fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
    assert.equal(written(pieces), pictured(pieces.join("")));
  }));
});

Deno.test("text without returns is what was written, in any alphabet", () => {
  const piece = fc.string({ unit: "grapheme" }).filter((text) => !/[\r\b]/.test(text));
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    const text = new TerminalText();
    for (const each of pieces) text.write(each);
    assert.equal(text.toString(), pieces.join(""));
    assert.equal(text.length, pieces.join("").length);
  }));
});

Deno.test("a character outside the first plane is one place", () => {
  assert.equal(written(["😀😀\r", "ab\n"]), "ab\n");
});

Deno.test("a million characters in a hundred thousand pieces: one line, short lines, a moving bar", () => {
  const count = 100_000;
  const pieces = (piece: string) => Array.from({ length: count }, () => piece);
  assert.equal(written(pieces("0123456789")), "0123456789".repeat(count));
  assert.equal(written(pieces("012345678\n")), "012345678\n".repeat(count));
  assert.equal(written(pieces("012345678\r")), "012345678\r");
  assert.equal(written(["x".repeat(count), ...pieces("y\b")]), "x".repeat(count));
  assert.equal(written(["x".repeat(count), ...pieces("\ry")]), "y" + "x".repeat(count - 1));
});
