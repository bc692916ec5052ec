import assert from "node:assert/strict";
import { Resvg } from "@resvg/resvg-js";
import fc from "fast-check";
import {
  fontFace,
  fontFaces,
  lineExtent,
  type TextStyle,
  textWidth,
} from "../../lib/figures/export/fonts.ts";
import { fontFamily } from "../../lib/figures/style.ts";

const regular = { bold: false, italic: false };

/** Advance width as resvg's own shaper sees it: an underline is as long as its text. */
function underlineWidth(text: string, size: number, { bold, italic }: TextStyle): number {
  const weight = bold ? "bold" : "normal";
  const slant = italic ? "italic" : "normal";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="200">` +
    `<text x="10" y="100" font-family="${fontFamily}" font-size="${size}" font-weight="${weight}"` +
    ` font-style="${slant}" text-decoration="underline" xml:space="preserve">${text}</text></svg>`;
  const fontFiles = fontFaces().map(({ path }) => path);
  return new Resvg(svg, { font: { loadSystemFonts: false, fontFiles } }).getBBox()!.width;
}

const styles: TextStyle[] = [true, false].flatMap((bold) =>
  [true, false].map((italic) => ({ bold, italic }))
);

for (const text of ["activation-aware, corrected", "AVAToWA", "±Δαβ×→–", "2.4824"]) {
  for (const style of styles) {
    Deno.test(`width of '${text}' is resvg's, ${JSON.stringify(style)}`, () => {
      // Twice against once: what slanted letters overhang the underline cancels.
      const more = (width: typeof textWidth) =>
        width(`${text} ${text}`, 40, style) - width(text, 40, style);
      assert.ok(Math.abs(more(textWidth) - more(underlineWidth)) < 0.05);
    });
  }
}

Deno.test("width is the sum of advances where no pair is kerned, and scales with size", () => {
  const { font } = fontFace(regular);
  fc.assert(fc.property(
    fc.array(fc.constantFrom(..."0123456789"), { minLength: 1, maxLength: 12 }),
    fc.integer({ min: 1, max: 60 }),
    (digits, size) => {
      // Digits are tabular and unkerned in this font.
      const advance = font.layout("0").advanceWidth / font.unitsPerEm;
      const expected = digits.length * advance * size;
      assert.ok(Math.abs(textWidth(digits.join(""), size, regular) - expected) < 1e-9 * expected);
    },
  ));
});

Deno.test("kerning narrows AV, and zero-width spaces count nothing", () => {
  const width = (text: string) => textWidth(text, 100, regular);
  assert.ok(width("AV") < width("A") + width("V") - 1);
  assert.equal(width("A\u200bV"), width("AV"));
  assert.equal(width(""), 0);
});

Deno.test("a line is as high as the font's ascent and descent", () => {
  assert.deepEqual(lineExtent(), { ascent: 1.024, descent: 0.4 });
});

Deno.test("every face has the signs of our labels", () => {
  for (const { font } of fontFaces()) {
    for (const sign of "αβΔ×→±≤≥–−∞²") {
      assert.ok(font.hasGlyphForCodePoint(sign.codePointAt(0)!), sign);
    }
  }
});
