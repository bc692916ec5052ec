import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Resvg } from "@resvg/resvg-js";
import { checkDpi, renderPng } from "../../lib/figures/export/png.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import { sampleFigure } from "./sample_figure.ts";

const figure = sampleFigure();
const png = await renderPng(await renderSvg(figure));

Deno.test("a PNG has two pixels for each of the figure's", () => {
  assert.deepEqual([...png.slice(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
  const header = Buffer.from(png);
  const size = [header.readUInt32BE(16), header.readUInt32BE(20)];
  assert.deepEqual(size, [2 * figure.layout.width, 2 * figure.layout.height]);
});

for (const dpi of [50, 300, 600]) {
  Deno.test(`at ${dpi} pixels an inch a PNG is as large on paper`, async () => {
    const bytes = Buffer.from(await renderPng(await renderSvg(figure), dpi));
    const { width, height } = figure.layout;
    const [across, down] = [16, 20].map((at) => bytes.readUInt32BE(at));
    assert.ok(Math.abs(across / dpi - width / 96) < 1 / dpi);
    assert.ok(Math.abs(down / dpi - height / 96) < 1 / dpi);
    const at = bytes.indexOf("pHYs");
    assert.ok(at > 0 && at < bytes.indexOf("IDAT"));
    assert.ok(Math.abs(bytes.readUInt32BE(at + 4) * 0.0254 - dpi) < 0.02);
    // The sum that the format asks for, by another implementation of it.
    assert.equal(bytes.readUInt32BE(at + 13), crc32(bytes.subarray(at, at + 13)));
  });
}

/** CRC-32 bit by bit (PNG 1.2, appendix 15). */
function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

Deno.test("a resolution that no picture has is refused", () => {
  for (const dpi of [0, 49, 1201, NaN, -300, Infinity]) {
    assert.throws(
      () => checkDpi(dpi, "--dpi"),
      /option '--dpi': is no resolution of a picture.* expected 50 to 1200 pixels an inch/,
    );
  }
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

Deno.test("text is drawn from the embedded font, not left out", async () => {
  const drawing = (text: string) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="30"><text x="5" y="20" ` +
    `font-family="Source Sans 3" font-size="14">${text}</text></svg>`;
  const drawn = async (text: string) =>
    Buffer.from(await renderPng(drawing(text))).toString("base64");
  // A sign that the font lacked would be the same empty box for each.
  const pictures = new Set(await Promise.all([..."αΔ×→±", ""].map(drawn)));
  assert.equal(pictures.size, 6);
});
