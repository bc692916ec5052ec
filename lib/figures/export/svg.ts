/**
 * A plotly figure as SVG text: drawn by plotly.js, then rewritten so that every run gives the same
 * bytes; as a file it brings the font that it was measured with. Sizes stay in CSS pixels (96 an inch).
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Figure, ReportError } from "../figure.ts";
import { fontFamily } from "../style.ts";
import { drawable, type FontFace, fontFaces } from "./fonts.ts";
import type { Fault, PlotlyWindow } from "./plotly_window.ts";

/**
 * Draws a figure as a standalone SVG document.
 *
 * @throws {ReportError} if plotly.js knows no such attribute, value or trace type, or cannot draw it.
 */
export async function renderSvg(figure: Figure): Promise<string> {
  // What draws is loaded with the first figure.
  const { plotlyWindow } = await import("./plotly_window.ts");
  const window = await plotlyWindow();
  const { data, layout } = structuredClone(figure);
  const named = data.map((trace, index) => ({ ...trace, uid: String(index) }));
  checkFaults(window.plotly.validate(named, layout) ?? []);
  return tidied(await draw(window, named, layout));
}

type Parts = [
  window: PlotlyWindow,
  data: readonly Figure["data"][number][],
  layout: Figure["layout"],
];

async function draw(...[{ document, plotly }, data, layout]: Parts): Promise<string> {
  const container = document.createElement("div");
  document.body.appendChild(container);
  try {
    await plotly.newPlot(container, data, layout, { staticPlot: true, logging: 0 });
    return plotly.Snapshot.toSVG(container, "svg");
  } catch (error) {
    throw new ReportError({
      problem: "cannot be drawn",
      option: "figure",
      value: error instanceof Error ? error.message : error,
      expected: "a figure that plotly.js draws",
      cause: error,
    });
  } finally {
    plotly.purge(container);
    container.remove();
  }
}

/**
 * plotly.js passes over what it does not know, and draws a trace of unknown type as a line.
 *
 * @throws {ReportError} if there is a fault but for an attribute without effect.
 */
function checkFaults(all: readonly Fault[]): void {
  const faults = all.filter(({ code }) => code !== "unused");
  if (faults.length === 0) return;
  throw new ReportError({
    problem: "has attributes that cannot be drawn",
    option: "figure",
    value: faults.map(({ msg }) => msg).join("; "),
    expected: "attributes as in plotly's reference, of scatter and bar figures",
  });
}

/** plotly's SVG with the same ids in every run, and what every reader of SVG understands. */
function tidied(svg: string): string {
  return withStableIds(withGlyphs(withPlainReferences(svg)));
}

/** References to ids without the quotes that not every reader takes. */
function withPlainReferences(svg: string): string {
  return svg.replace(/url\((?:&quot;|['"])(#[^)]+?)(?:&quot;|['"])\)/g, "url($1)");
}

/** Text with numbers for what the font lacks, as it was measured; a reader's own fonts differ. */
function withGlyphs(svg: string): string {
  return svg.replace(/(?<=>)[^<>]*\P{ASCII}[^<>]*(?=<)/gu, drawable);
}

/**
 * Renames plotly's random ids by order of appearance, under a prefix that the drawing itself
 * determines, so that two figures on one page do not share clip paths.
 */
function withStableIds(svg: string): string {
  const ids = [...new Set(Array.from(svg.matchAll(/\bid="([^"]+)"/g), ([, id]) => id))];
  const renamed = (prefix: string) =>
    svg.replace(/(\bid="|url\(#|href="#)([^")]+)/g, (match, opening: string, id: string) => {
      const index = ids.indexOf(id);
      return index < 0 ? match : `${opening}${prefix}${index}`;
    });
  const digest = createHash("sha256").update(renamed("")).digest("hex");
  return renamed(`f${digest.slice(0, 8)}-`);
}

/**
 * The SVG document with an `@font-face` for each style of its text, so that a viewer without the font draws
 * what was measured: of the font only the characters that occur, as WOFF2.
 */
export async function embedFonts(svg: string): Promise<string> {
  const characters = [...new Set(textOf(svg))].sort().join("");
  const rules = await Promise.all(
    fontFaces().filter(({ style }) => occurs(style, svg)).map((face) => fontRule(face, characters)),
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
  const { default: subsetFont } = await import("subset-font");
  const font = await subsetFont(Buffer.from(await Deno.readFile(path)), characters, {
    targetFormat: "woff2",
    // Small capitals, old-style figures and other alternates would double the size, unused.
    noLayoutClosure: true,
  });
  return `@font-face{font-family:'${fontFamily}';font-weight:${style.bold ? 700 : 400};` +
    `font-style:${style.italic ? "italic" : "normal"};` +
    `src:url(data:font/woff2;base64,${font.toString("base64")}) format('woff2');}`;
}
