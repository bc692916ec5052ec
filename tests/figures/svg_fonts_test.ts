import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fontkit from "fontkit";
import { fontFaces } from "../../lib/figures/export/fonts.ts";
import { embedFonts } from "../../lib/figures/export/svg.ts";

interface EmbeddedFont {
  readonly characterSet: number[];
  readonly unitsPerEm: number;
  layout(text: string): { readonly advanceWidth: number };
}

const drawing = '<svg xmlns="http://www.w3.org/2000/svg"><text>AV → Δ &#38; fin' +
  '<tspan style="font-weight:bold">α</tspan></text></svg>';
const svg = await embedFonts(drawing);
const fonts = Array.from(
  svg.matchAll(/base64,([^)]+)\)/g),
  ([, data]) =>
    (fontkit as { create(bytes: Buffer): EmbeddedFont }).create(Buffer.from(data, "base64")),
);

Deno.test("an SVG carries the styles that it uses, before its content", () => {
  assert.equal(fonts.length, 2);
  const weights = Array.from(svg.matchAll(/font-weight:(\d+)/g), ([, weight]) => weight);
  assert.deepEqual(weights, ["400", "700"]);
  assert.ok(svg.indexOf("<style>") < svg.indexOf("<text>"));
  assert.equal(svg.replace(/<style>.*<\/style>/, ""), drawing);
});

Deno.test("embedded fonts hold the characters used, and few more", () => {
  for (const { characterSet } of fonts) {
    for (const character of "AV→Δ&finα ") {
      assert.ok(characterSet.includes(character.codePointAt(0)!), character);
    }
    assert.ok(characterSet.length < 20);
  }
});

Deno.test("embedded fonts measure as the whole font does, kerning and all", () => {
  for (const text of ["AV", "fin → Δ"]) {
    assert.equal(
      fonts[0].layout(text).advanceWidth,
      fontFaces()[0].font.layout(text).advanceWidth,
    );
  }
});
