/**
 * A plotly figure as SVG text: drawn by plotly.js, then rewritten so that every run gives the same
 * bytes and every reader finds a font. Sizes stay in CSS pixels (96 an inch).
 */

import { createHash } from "node:crypto";
import type { Figure } from "../figure.ts";
import { ReportError } from "../report_error.ts";
import { drawable } from "./font_metrics.ts";
import { type Fault, type PlotlyWindow, plotlyWindow } from "./plotly_window.ts";

/**
 * Draws a figure as a standalone SVG document.
 *
 * @throws {ReportError} if plotly.js knows no such attribute, value or trace type, or cannot draw it.
 */
export async function renderSvg(figure: Figure): Promise<string> {
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
export function checkFaults(all: readonly Fault[]): void {
  const faults = all.filter(({ code }) => code !== "unused");
  if (faults.length === 0) return;
  throw new ReportError({
    problem: "has attributes that cannot be drawn",
    option: "figure",
    value: faults.map(({ msg }) => msg).join("; "),
    expected: "attributes as in plotly's reference; without a browser, of scatter and bar figures",
  });
}

/** plotly's SVG with the same ids in every run, and what every reader of SVG understands. */
export function tidied(svg: string): string {
  return withStableIds(withGlyphs(withPlainImages(withPlainReferences(svg))));
}

/** References to ids without the quotes that not every reader takes. */
function withPlainReferences(svg: string): string {
  return svg.replace(/url\((?:&quot;|['"])(#[^)]+?)(?:&quot;|['"])\)/g, "url($1)");
}

/** Text with numbers for what the font lacks, as it was measured; a reader's own fonts differ. */
function withGlyphs(svg: string): string {
  return svg.replace(/(?<=>)[^<>]*\P{ASCII}[^<>]*(?=<)/gu, drawable);
}

/** Cells of heat maps keep their edges: by the word of SVG 1.1 beside that of CSS. */
function withPlainImages(svg: string): string {
  return svg.replaceAll("image-rendering: pixelated", "image-rendering: optimizeSpeed");
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
