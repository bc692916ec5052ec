import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { inflateSync } from "node:zlib";
import { renderPdf } from "../../lib/figures/export/pdf.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import { ReportError } from "../../lib/figures/figure.ts";
import { sampleFigure } from "./sample_figure.ts";

const figure = sampleFigure();
const pdf = Buffer.from(await renderPdf(await renderSvg(figure), figure.layout)).toString("latin1");

/** The PDF's compressed streams, as text. */
function streams(): string {
  return Array.from(pdf.matchAll(/FlateDecode[^]*?stream\n([^]*?)\nendstream/g), ([, body]) => {
    return inflateSync(Buffer.from(body, "latin1")).toString("latin1");
  }).join("\n");
}

Deno.test("a PDF page is as wide as the paper's, to half a millimetre", () => {
  const [, width, height] = /MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(pdf)!;
  const millimetres = (points: string) => Number(points) / 72 * 25.4;
  assert.ok(Math.abs(millimetres(width) - 175) < 0.5);
  assert.equal(Number(height), figure.layout.height * 0.75);
});

Deno.test("a PDF embeds its fonts as TrueType subsets, with a map back to text", () => {
  const fonts = new Set(
    Array.from(pdf.matchAll(/BaseFont \/[A-Z]{6}\+(\S+)/g), ([, name]) => name),
  );
  assert.deepEqual([...fonts].sort(), ["SourceSans3-Bold", "SourceSans3-Regular"]);
  assert.equal(pdf.match(/\/FontFile2 /g)?.length, 2);
  assert.equal(pdf.match(/\/ToUnicode /g)?.length, 2);
});

Deno.test("a PDF is vectors: curves and text, no raster image", () => {
  assert.ok(!/\/Subtype \/Image/.test(pdf));
  const content = streams();
  const operators = [/^[-\d.]+ [-\d.]+ m$/m, /^[-\d.]+ [-\d.]+ l$/m, /> Tj$/m];
  for (const operator of operators) assert.ok(operator.test(content), String(operator));
});

Deno.test("a PDF tells no time but the epoch", () => {
  const dates = Array.from(pdf.matchAll(/\(D:(\d+)/g), ([, date]) => date);
  assert.deepEqual(dates, ["19700101000000"]);
});

Deno.test("what a PDF cannot show as SVG does is refused", async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">' +
    '<image width="9" height="9" href="data:image/png;base64,AAAA"/></svg>';
  await assert.rejects(renderPdf(svg, { width: 9, height: 9 }), ReportError);
});
