/** SVG text as a PNG picture, by resvg; for screens and notebooks, where print takes the PDF. */

import { crc32 } from "node:zlib";
import { OptionError } from "../../util/errors.ts";
import { fontFamily } from "../style.ts";
import { fontFaces } from "./fonts.ts";

/** Pixels of the picture for one CSS pixel: sharp on screens of high density. */
export const pngScale = 2;

/** CSS pixels in an inch. */
const cssDpi = 96;

/** Pixels for an inch on paper, unless told otherwise. */
export const pngDpi = pngScale * cssDpi;

/** Bounds of a resolution: coarser, no letter is read; finer, no printer prints it. */
const bounds = { least: 50, most: 1200 };

/**
 * Checks a resolution.
 *
 * @param option what to call it in the error
 * @throws {OptionError} if it is no number from 50 to 1200.
 *
 * @example
 * ```ts
 * import { checkDpi, OptionError } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * checkDpi(300);
 * assert.throws(() => checkDpi(5000), OptionError);
 * ```
 */
export function checkDpi(dpi: number, option = "dpi"): void {
  if (dpi >= bounds.least && dpi <= bounds.most) return;
  throw new OptionError({
    problem: "is no resolution of a picture",
    option,
    value: dpi,
    expected: `${bounds.least} to ${bounds.most} pixels an inch`,
  });
}

/** Draws an SVG document on white with so many pixels an inch, which the picture tells its readers. */
export async function renderPng(svg: string, dpi = pngDpi): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js");
  const picture = new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: dpi / cssDpi },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFaces().map(({ path }) => path),
      defaultFontFamily: fontFamily,
    },
  });
  return withResolution(new Uint8Array(picture.render().asPng()), dpi);
}

/** Bytes of a PNG's signature and its first chunk, which holds its size. */
const HEAD = 8 + 25;
const METRES_PER_INCH = 0.0254;

/** Adds the chunk `pHYs`: pixels a metre, across and down (PNG 1.2, section 4.2.4.2). */
function withResolution(png: Uint8Array, dpi: number): Uint8Array {
  const chunk = new Uint8Array(21);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, 9);
  chunk.set(new TextEncoder().encode("pHYs"), 4);
  for (const at of [8, 12]) view.setUint32(at, Math.round(dpi / METRES_PER_INCH));
  view.setUint8(16, 1);
  view.setUint32(17, crc32(chunk.subarray(4, 17)));
  const whole = new Uint8Array(png.length + chunk.length);
  whole.set(png.subarray(0, HEAD));
  whole.set(chunk, HEAD);
  whole.set(png.subarray(HEAD), HEAD + chunk.length);
  return whole;
}
