/**
 * The font of every exported figure: Source Sans 3, from npm. It is embedded and system fonts are
 * never read, so that a figure looks the same on every machine. It was chosen because one family
 * has Greek, arrows and the signs of our labels (Open Sans has no →, and a second font for the
 * missing signs makes resvg draw the whole line in it).
 */

import { fileURLToPath } from "node:url";
import * as fontkit from "fontkit";

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

/** The faces of the family that figures may use. */
export const fontFaces: readonly FontFace[] = [
  openFace("400Regular", { bold: false, italic: false }),
  openFace("700Bold", { bold: true, italic: false }),
  openFace("400Regular_Italic", { bold: false, italic: true }),
  openFace("700Bold_Italic", { bold: true, italic: true }),
];

function openFace(name: string, style: TextStyle): FontFace {
  const file = `@expo-google-fonts/source-sans-3/${name}/SourceSans3_${name}.ttf`;
  const path = fileURLToPath(import.meta.resolve(file));
  return { style, path, font: (fontkit as { openSync(path: string): Font }).openSync(path) };
}

/** The face of a style. */
export function fontFace({ bold, italic }: TextStyle): FontFace {
  return fontFaces.find(({ style }) => style.bold === bold && style.italic === italic)!;
}
