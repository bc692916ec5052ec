/**
 * The font of every exported figure, and how wide and how tall text in it is: what a browser would answer
 * when plotly.js asks it to measure a label. Not a line breaker; plotly breaks at `<br>` alone.
 *
 * It is Source Sans 3, from npm, embedded; system fonts are never read, so that a figure looks the same on
 * every machine. It was chosen because one family has Greek, arrows and the signs of our labels (Open Sans
 * has no →, and a second font for the missing signs makes resvg draw the whole line in it).
 */

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { numbered } from "../characters.ts";

/** Weight and slant of a piece of text. */
export interface TextStyle {
  readonly bold: boolean;
  readonly italic: boolean;
}

/** The part of fontkit's font that is used here; the package brings no types. */
export interface Font {
  readonly unitsPerEm: number;
  /** Font units above the baseline. */
  readonly ascent: number;
  /** Font units from the baseline to the lowest part; negative. */
  readonly descent: number;
  hasGlyphForCodePoint(codePoint: number): boolean;
  layout(text: string): { readonly advanceWidth: number };
}

/** One font file. */
export interface FontFace {
  readonly style: TextStyle;
  readonly path: string;
  readonly font: Font;
}

const files: readonly (readonly [name: string, style: TextStyle])[] = [
  ["400Regular", { bold: false, italic: false }],
  ["700Bold", { bold: true, italic: false }],
  ["400Regular_Italic", { bold: false, italic: true }],
  ["700Bold_Italic", { bold: true, italic: true }],
];

let opened: readonly FontFace[] | undefined;

/** The faces of the family that figures may use; opened at first use, for who draws nothing needs none. */
export function fontFaces(): readonly FontFace[] {
  return opened ??= openFaces();
}

function openFaces(): FontFace[] {
  // Text is measured while a figure is laid out, which waits for nothing: no `import()` can stand here.
  const fontkit: { openSync(path: string): Font } = createRequire(import.meta.url)("fontkit");
  return files.map(([name, style]) => {
    const file = `@expo-google-fonts/source-sans-3/${name}/SourceSans3_${name}.ttf`;
    const path = fileURLToPath(import.meta.resolve(file));
    return { style, path, font: fontkit.openSync(path) };
  });
}

/** The face of a style. */
export function fontFace({ bold, italic }: TextStyle): FontFace {
  return fontFaces().find(({ style }) => style.bold === bold && style.italic === italic)!;
}

/** The font of a figure's plain text. */
function regular(): Font {
  return fontFaces()[0].font;
}

/** The text as it is drawn: what the font lacks by its number, rather than as an empty box. */
export function drawable(text: string): string {
  const font = regular();
  return numbered(
    text.normalize("NFC"),
    (character) => font.hasGlyphForCodePoint(character.codePointAt(0)!),
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

/** Height of a line above its baseline and its depth below, both positive, as shares of the font size. */
export function lineExtent(): { readonly ascent: number; readonly descent: number } {
  const { unitsPerEm, ascent, descent } = regular();
  return { ascent: ascent / unitsPerEm, descent: -descent / unitsPerEm };
}
