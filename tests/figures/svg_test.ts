import assert from "node:assert/strict";
import { Resvg } from "@resvg/resvg-js";
import { type Element, Window } from "happy-dom";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import { type Attributes, type Figure, ReportError } from "../../lib/figures/figure.ts";
import { sampleFigure } from "./sample_figure.ts";
import { calibrationSizes } from "../studies/activation_aware_bitdelta/sample_rows.ts";

function parse(svg: string): Element {
  new Resvg(svg); // strict about XML where happy-dom is not
  const { DOMParser } = new Window();
  return new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
}

const texts = (root: Element) =>
  [...root.querySelectorAll("text")].map(({ textContent }) => textContent);

const figure = sampleFigure();
const svg = await renderSvg(figure);
const root = parse(svg);

const bare = (data: Attributes[], layout: Attributes = {}): Figure => ({
  data,
  layout: { width: 300, height: 200, ...layout },
});

Deno.test("an SVG has the figure's size in pixels", () => {
  assert.equal(root.getAttribute("width"), String(figure.layout.width));
  assert.equal(root.getAttribute("height"), String(figure.layout.height));
});

Deno.test("an SVG names every series, axis and panel", () => {
  const drawn = texts(root).join("\n");
  for (
    const words of [
      "activation-aware, study-faithful",
      "activation-aware, corrected",
      "distilled, study-faithful",
      "distilled, corrected",
      "fine-tune",
      "initial",
      "↑ base 31.3",
      "Perplexity, code",
      "Calibration samples",
      "Measured here",
      "sample base → sample fine-tune",
      "Published",
      "7B → 7B-chat",
    ]
  ) {
    assert.ok(drawn.includes(words), `'${words}' is not in\n${drawn}`);
  }
});

/** Markers of a panel that its clip path lets through. */
function visibleMarkers(panel: "xy" | "x2y2" | "x3y3"): number {
  const plot = root.querySelectorAll(".plotclip rect")[["xy", "x2y2", "x3y3"].indexOf(panel)];
  const [width, height] = ["width", "height"].map((side) => Number(plot.getAttribute(side)));
  return [...root.querySelectorAll(`.subplot.${panel} .point`)].filter((point) => {
    const [x, y] = point.getAttribute("transform")!.match(/-?[\d.]+/g)!.map(Number);
    return x >= 0 && x <= width && y >= 0 && y <= height;
  }).length;
}

Deno.test("an SVG has every point with its interval", () => {
  const lines = 4; // and the base, off the axis
  assert.equal(visibleMarkers("xy"), 2 * calibrationSizes.length + lines);
  assert.equal(visibleMarkers("x2y2"), 2 * calibrationSizes.length + lines + 1);
  assert.equal(visibleMarkers("x3y3"), calibrationSizes.length);
  const bars = (panel: string) => root.querySelectorAll(`.subplot.${panel} .yerror`).length;
  assert.ok(bars("xy") >= 2 * calibrationSizes.length + lines);
  assert.equal(bars("x3y3"), 0);
});

Deno.test("points lie where their values say", async () => {
  const data = [{ type: "scatter", mode: "markers", x: [0, 5, 10], y: [0, 1, 4] }];
  const margin = { l: 50, r: 50, t: 40, b: 60 };
  const axes = { xaxis: { range: [0, 10] }, yaxis: { range: [0, 5] } };
  const drawing = parse(await renderSvg(bare(data, { margin, ...axes, showlegend: false })));
  const places = [...drawing.querySelectorAll(".point")].map((point) =>
    point.getAttribute("transform")
  );
  // The panel is 200 × 100 pixels.
  assert.deepEqual(places, ["translate(0,100)", "translate(100,80)", "translate(200,20)"]);
});

Deno.test("ids occur once, and each one referred to exists", () => {
  const ids = Array.from(svg.matchAll(/\bid="([^"]+)"/g), ([, id]) => id);
  assert.equal(new Set(ids).size, ids.length);
  const references = Array.from(svg.matchAll(/url\(#([^)]+)\)|href="#([^"]+)"/g));
  assert.ok(references.length > 0);
  for (const [, id, target] of references) assert.ok(ids.includes(id ?? target));
});

Deno.test("the same figure gives the same SVG, another figure other ids", async () => {
  assert.equal(await renderSvg(sampleFigure()), svg);
  const other = await renderSvg(bare([{ type: "bar", y: [1, 2] }]));
  const firstId = (text: string) => /\bid="([^"]+)"/.exec(text)![1];
  assert.notEqual(firstId(other), firstId(svg));
});

Deno.test("figures drawn at once do not disturb each other", async () => {
  const bars = bare([{ type: "bar", y: [1, 2] }]);
  const together = await Promise.all([sampleFigure(), bars, sampleFigure()].map(renderSvg));
  assert.deepEqual(together, [svg, await renderSvg(bars), svg]);
});

Deno.test("signs that XML reserves are drawn as they are", async () => {
  const title = { text: "α &lt; β &amp; γ" };
  const drawing = parse(await renderSvg(bare([{ type: "scatter", y: [1] }], { title })));
  assert.ok(texts(drawing).includes("α < β & γ"));
});

Deno.test("the drawing is the one that was looked at", async (t) => {
  await t.assertSnapshot(svg.replaceAll("><", ">\n<"));
});

Deno.test("a trace type outside the bundle is refused by name", async () => {
  await assert.rejects(renderSvg(bare([{ type: "heatmap", z: [[1]] }])), (error) => {
    assert.ok(error instanceof ReportError);
    assert.match(error.message, /data trace 0, key type.*heatmap/);
    return true;
  });
});

Deno.test("an unknown attribute is refused by name", async () => {
  const misspelt = bare([{ type: "scatter", y: [1] }], { xaxis: { tilte: "x" } });
  await assert.rejects(renderSvg(misspelt), (error) => {
    assert.ok(error instanceof ReportError);
    assert.match(error.message, /layout, key xaxis\.tilte/);
    return true;
  });
});
