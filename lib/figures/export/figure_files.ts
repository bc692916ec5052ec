/**
 * A figure as files: SVG, PNG and PDF side by side under one name, from one drawing.
 */

import { writeFileAtomic } from "../../util/files.ts";
import type { Figure } from "../figure.ts";
import { renderPdf } from "./pdf.ts";
import { checkDpi, pngDpi, renderPng } from "./png.ts";
import { embedFonts, renderSvg } from "./svg.ts";

/** A kind of picture file, by its extension. */
export type FigureFormat = "svg" | "png" | "pdf";

/** Every kind of picture file. */
export const figureFormats: readonly FigureFormat[] = ["svg", "png", "pdf"];

type Render = (
  svg: string,
  figure: Figure,
  dpi: number,
) => string | Uint8Array | Promise<string | Uint8Array>;

const renderers: Record<FigureFormat, Render> = {
  svg: embedFonts,
  png: (svg, _figure, dpi) => renderPng(svg, dpi),
  pdf: (svg, { layout }) => renderPdf(svg, layout),
};

/** Which files to write, how fine, and how to stop. */
export interface ExportOptions {
  /** Default: {@link figureFormats}. */
  readonly formats?: readonly FigureFormat[];
  /** Pixels of a PNG for an inch on paper, 50 to 1200. Default: {@linkcode pngDpi}. */
  readonly dpi?: number;
  /** Stops before the next file. */
  readonly signal?: AbortSignal;
}

/**
 * Writes `<path>.svg`, `<path>.png` and `<path>.pdf`; the same figure gives the same bytes.
 *
 * @param path of the files, without extension
 * @returns the paths written
 * @throws {ReportError} if the figure cannot be drawn; nothing is written then.
 * @throws {OptionError} if the resolution is out of bounds; nothing is written then.
 * @throws {OutputError} if a file cannot be written.
 *
 * @example
 * ```ts
 * import { exportFigure, seriesFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [{ series: "loss", x: 1, y: 2 }, { series: "loss", x: 2, y: 1 }];
 * const folder = await Deno.makeTempDir();
 * const figure = seriesFigure(rows, { xTitle: "Step", yTitle: "Loss" });
 * const paths = await exportFigure(figure, `${folder}/loss`, { formats: ["svg"] });
 * assert.deepEqual(paths, [`${folder}/loss.svg`]);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function exportFigure(
  figure: Figure,
  path: string,
  { formats = figureFormats, dpi = pngDpi, signal }: ExportOptions = {},
): Promise<string[]> {
  checkDpi(dpi);
  const svg = await renderSvg(figure);
  const paths: string[] = [];
  for (const format of formats) {
    signal?.throwIfAborted();
    const file = `${path}.${format}`;
    await writeFileAtomic(file, await renderers[format](svg, figure, dpi));
    paths.push(file);
  }
  return paths;
}
