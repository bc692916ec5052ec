import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Resvg } from "@resvg/resvg-js";
import { renderPng } from "../../lib/report/export/png.ts";
import { renderSvg } from "../../lib/report/export/svg.ts";
import { sampleFigure } from "./sample_figure.ts";

const figure = sampleFigure();
const png = renderPng(await renderSvg(figure));

Deno.test("a PNG has two pixels for each of the figure's", () => {
  assert.deepEqual([...png.slice(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const header = Buffer.from(png);
  const size = [header.readUInt32BE(16), header.readUInt32BE(20)];
  assert.deepEqual(size, [2 * figure.layout.width, 2 * figure.layout.height]);
});

/** Pixels of the PNG that are not white, by drawing it into an SVG. */
function inkedPixels(): number {
  const { width, height } = figure.layout;
  const data = Buffer.from(png).toString("base64");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<image width="${width}" height="${height}" href="data:image/png;base64,${data}"/></svg>`;
  const { pixels } = new Resvg(svg).render();
  let inked = 0;
  for (let at = 0; at < pixels.length; at += 4) if (pixels[at] < 250) inked++;
  return inked / (width * height);
}

Deno.test("a PNG is opaque white with some ink", () => {
  const share = inkedPixels();
  assert.ok(share > 0.05 && share < 0.5, `${share} of the pixels`);
});

Deno.test("text is drawn from the embedded font, not left out", () => {
  const drawing = (text: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="30"><text x="5" y="20" ` +
    `font-family="Source Sans 3" font-size="14">${text}</text></svg>`;
  const drawn = (text: string) => Buffer.from(renderPng(drawing(text))).toString("base64");
  // A sign that the font lacked would be the same empty box for each.
  const pictures = new Set([..."αΔ×→±", ""].map(drawn));
  assert.equal(pictures.size, 6);
});
