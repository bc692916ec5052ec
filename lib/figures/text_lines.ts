/**
 * Text broken into lines that fit, measured with the font that draws it. Plotly breaks nothing
 * itself.
 */

import { visible } from "./characters.ts";
import { drawable, textWidth } from "./export/fonts.ts";

/** Line height in ems, as plotly.js sets lines. */
export const lineHeight = 1.3;

/** Size of type in pixels, and whether it is bold. */
export interface Type {
  readonly size: number;
  readonly bold?: boolean;
}

/** Width of one line in pixels. */
export function widthOf(text: string, { size, bold = false }: Type): number {
  return textWidth(visible(text), size, { bold, italic: false });
}

/**
 * The lines of a text none of which is wider than `width` pixels: broken at spaces, else after
 * hyphens, slashes and underscores, else anywhere.
 */
export function linesOf(text: string, width: number, type: Type): string[] {
  const fits = (line: string) => widthOf(line.trimEnd(), type) <= width;
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces(text, fits)) {
    if (line !== "" && !fits(line + piece)) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += piece;
  }
  return [...lines, line.trimEnd()];
}

/** Words with the space after them; those that do not fit on a line fall apart. */
function pieces(text: string, fits: (piece: string) => boolean): string[] {
  const words = text.split(/(?<= )/);
  const parts = words.flatMap((word) => fits(word) ? [word] : word.split(/(?<=[-/_.])/));
  return parts.flatMap((part) => fits(part) ? [part] : [...part]);
}

/** Lines as plotly takes text, which reads some HTML; numbers stand for what the font lacks. */
export function plotlyText(lines: readonly string[]): string {
  const drawn = (line: string) => drawable(visible(line));
  return lines.map((line) => drawn(line).replaceAll("&", "&amp;").replaceAll("<", "&lt;"))
    .join("<br>");
}
