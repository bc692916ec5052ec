/**
 * How wide and how tall text is, from the font's own tables: what a browser would answer when
 * plotly.js asks it to measure a label. Not a line breaker; plotly breaks at `<br>` alone.
 */

import { numbered } from "../characters.ts";
import { fontFace, type TextStyle } from "./fonts.ts";

const regular = fontFace({ bold: false, italic: false }).font;

/** The text as it is drawn: what the font lacks by its number, rather than as an empty box. */
export function drawable(text: string): string {
  return numbered(
    text.normalize("NFC"),
    (character) => regular.hasGlyphForCodePoint(character.codePointAt(0)!),
  );
}

/**
 * Width in pixels of one line of text, with kerning and ligatures.
 *
 * Zero-width spaces, which plotly.js puts around subscripts, count nothing.
 *
 * @param size font size in pixels
 */
export function textWidth(text: string, size: number, style: TextStyle): number {
  const { font } = fontFace(style);
  const { advanceWidth } = font.layout(drawable(text).replaceAll("\u200b", ""));
  return advanceWidth / font.unitsPerEm * size;
}

const { unitsPerEm, ascent, descent } = regular;

/** Height of a line above its baseline, as a share of the font size. */
export const lineAscent = ascent / unitsPerEm;

/** Depth of a line below its baseline, as a share of the font size; positive. */
export const lineDescent = -descent / unitsPerEm;
