/**
 * Fonts inside SVG text, so that a viewer without the font draws what was measured. Only the
 * characters that occur are embedded, as WOFF2.
 */

import { Buffer } from "node:buffer";
import subsetFont from "subset-font";
import { fontFamily } from "../style.ts";
import { type FontFace, fontFaces } from "./fonts.ts";

/** The SVG document with an `@font-face` for each style of its text. */
export async function embedFonts(svg: string): Promise<string> {
  const characters = [...new Set(textOf(svg))].sort().join("");
  const rules = await Promise.all(
    fontFaces.filter(({ style }) => occurs(style, svg)).map((face) => fontRule(face, characters)),
  );
  return svg.replace(/<svg[^>]*>/, (opening) => `${opening}<style>${rules.join("")}</style>`);
}

function textOf(svg: string): string {
  const text = Array.from(svg.matchAll(/>([^<]+)</g), ([, content]) => content).join("");
  return text.replace(/&#(\d+);/g, (_, codePoint) => String.fromCodePoint(Number(codePoint)));
}

function occurs({ bold, italic }: FontFace["style"], svg: string): boolean {
  return (!bold || /font-weight: ?bold/.test(svg)) && (!italic || /font-style: ?italic/.test(svg));
}

async function fontRule({ path, style }: FontFace, characters: string): Promise<string> {
  const font = await subsetFont(Buffer.from(await Deno.readFile(path)), characters, {
    targetFormat: "woff2",
    // Small capitals, old-style figures and other alternates would double the size, unused.
    noLayoutClosure: true,
  });
  return `@font-face{font-family:'${fontFamily}';font-weight:${style.bold ? 700 : 400};` +
    `font-style:${style.italic ? "italic" : "normal"};` +
    `src:url(data:font/woff2;base64,${font.toString("base64")}) format('woff2');}`;
}
