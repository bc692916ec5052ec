/**
 * Figures in a notebook: plotly's JSON for a reader that draws it live, SVG, PNG for those that show
 * neither, and its caption for all others.
 */

import { Buffer } from "node:buffer";
import { pngScale, renderPng } from "../figures/export/png.ts";
import { embedFonts, renderSvg } from "../figures/export/svg.ts";
import type { Figure, Json } from "../figures/figure.ts";
import { plainParagraphs } from "./plain_text.ts";
import type { View } from "./view.ts";

/** Digits of numbers in a figure: beyond them two machines may differ, and no eye can tell. */
const FIGURE_DIGITS = 5;

/**
 * A figure as `application/vnd.plotly.v1+json`, `image/svg+xml` with its font in it, `image/png` at
 * twice the figure's size with that size as metadata, and `text/plain`: the caption and the names of
 * its series. Numbers are rounded to five digits first, so that all of them say the same.
 *
 * @throws {ReportError} if the figure cannot be drawn.
 *
 * @example
 * ```ts
 * import { figureView, seriesFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [{ series: "loss", x: 1, y: 2 }, { series: "loss", x: 2, y: 1 }];
 * const { data } = await figureView(seriesFigure(rows, { xTitle: "Step", yTitle: "Loss" }), "The loss.");
 * assert.match(String(data["image/svg+xml"]), /^<svg/);
 * ```
 */
export async function figureView(figure: Figure, caption: string): Promise<View> {
  const rounded = roundNumbers(figure as unknown as Json, FIGURE_DIGITS) as unknown as Figure;
  const svg = await renderSvg(rounded);
  const png = Buffer.from(await renderPng(svg));
  const { width, height } = pixelSize(png);
  return {
    data: {
      "application/vnd.plotly.v1+json": { data: rounded.data, layout: rounded.layout },
      "image/svg+xml": await embedFonts(svg),
      "image/png": png.toString("base64"),
      "text/plain": describe(rounded, caption),
    },
    metadata: { "image/png": { width: width / pngScale, height: height / pngScale } },
  };
}

/** Every number of a JSON value with so many significant digits. */
function roundNumbers(value: Json, digits: number): Json {
  if (typeof value === "number") return Number(value.toPrecision(digits));
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((each) => roundNumbers(each, digits));
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, roundNumbers(each, digits)]),
  );
}

/** The caption, and which series there are. */
function describe({ data }: Figure, caption: string): string {
  // What several panels show stands in each of them as a series.
  const names = [...new Set(data.map(({ name }) => String(name ?? "series")))];
  return plainParagraphs(`${caption}\n\n[figure of ${names.length} series: ${names.join("; ")}]`);
}

/** Width and height as a PNG's first chunk has them. */
function pixelSize(png: Buffer): { width: number; height: number } {
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
