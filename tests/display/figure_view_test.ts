import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { figureView } from "../../lib/display/figure_view.ts";
import type { Figure, Json } from "../../lib/figures/figure.ts";
import { sampleFigure } from "../figures/sample_figure.ts";

/** A figure of one line through these points. */
const line = (y: readonly number[]): Figure => ({
  data: [{ type: "scatter", name: "a line", x: [1, 2, 3], y }],
  layout: { width: 240, height: 160 },
});

Deno.test("a figure is plotly's JSON, SVG, PNG and text, and never HTML", async () => {
  const figure = sampleFigure();
  const { data } = await figureView(figure, "**Figure 2.** A sample.");
  assert.deepEqual(Object.keys(data).sort(), [
    "application/vnd.plotly.v1+json",
    "image/png",
    "image/svg+xml",
    "text/plain",
  ]);
  const plotly = data["application/vnd.plotly.v1+json"] as { [part: string]: Json[] };
  assert.deepEqual(Object.keys(plotly), ["data", "layout"]);
  assert.equal(plotly.data.length, figure.data.length);
  const svg = data["image/svg+xml"] as string;
  assert.match(svg, /^<svg[^>]*><style>@font-face/);
  assert.ok(svg.includes("activation-aware, corrected"));
  const [caption, series] = data["text/plain"].split("\n\n");
  assert.equal(caption, "Figure 2. A sample.");
  assert.match(series, /^\[figure of 9 series: activation-aware, study-faithful; /);
});

Deno.test("the picture has twice the figure's size, and its metadata says the size to show", async () => {
  const { data, metadata } = await figureView(line([1, 2, 3]), "");
  const png = Buffer.from(data["image/png"] as string, "base64");
  assert.equal(png.subarray(1, 4).toString("latin1"), "PNG");
  // Width and height stand in the first chunk.
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [480, 320]);
  assert.deepEqual(metadata, { "image/png": { width: 240, height: 160 } });
});

Deno.test("numbers have five digits, so that the last ones of a machine change nothing", async () => {
  const [one, other] = [[1 / 3, 2e-7 / 3, 200 / 3], [1 / 3 + 1e-9, 2e-7 / 3, 200 / 3 - 1e-7]];
  const view = await figureView(line(one), "");
  const plotly = view.data["application/vnd.plotly.v1+json"] as { data: { y: number[] }[] };
  assert.deepEqual(plotly.data[0].y, [0.33333, 6.6667e-8, 66.667]);
  assert.deepEqual(await figureView(line(other), ""), view);
  assert.notDeepEqual(await figureView(line([0.3334, 0, 66.667]), ""), view);
});

Deno.test("a series without a name is called one", async () => {
  const { data: [trace], layout } = line([1, 2, 3]);
  const { name: _, ...unnamed } = trace;
  const { data } = await figureView({ data: [unnamed], layout }, "A line");
  assert.equal(data["text/plain"], "A line\n\n[figure of 1 series: series]");
});
