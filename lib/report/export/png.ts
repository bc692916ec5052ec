/** SVG text as a PNG picture, by resvg; for screens and notebooks, where print takes the PDF. */

import { Resvg } from "@resvg/resvg-js";
import { fontFamily } from "../style.ts";
import { fontFaces } from "./fonts.ts";

/** Pixels of the picture for one CSS pixel: sharp on screens of high density. */
export const pngScale = 2;

/** Draws an SVG document on white, {@link pngScale} times its size in pixels. */
export function renderPng(svg: string): Uint8Array {
  const picture = new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: pngScale },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFaces.map(({ path }) => path),
      defaultFontFamily: fontFamily,
    },
  });
  return new Uint8Array(picture.render().asPng());
}
