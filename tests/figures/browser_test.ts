/** Figures drawn by a real browser, held against ours; reported as ignored where there is none. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Resvg } from "@resvg/resvg-js";
import { OptionError } from "../../lib/util/errors.ts";
import { browserDrawing, findBrowser } from "../../lib/figures/export/browser.ts";
import { exportFigure } from "../../lib/figures/export/figure_files.ts";
import { fontFaces } from "../../lib/figures/export/fonts.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import type { Figure } from "../../lib/figures/figure.ts";
import { layerProfileFigure } from "../../lib/studies/anatomy_of_a_delta/layer_profile.ts";
import { ReportError } from "../../lib/figures/report_error.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { sampleFigure } from "./sample_figure.ts";
import { sampleProfileRows } from "../studies/activation_aware_bitdelta/sample_rows.ts";
import { textBoxes } from "./text_boxes.ts";

const browser = await findBrowser().catch(() => null);

function testWithBrowser(name: string, run: (browser: string) => Promise<void>): void {
  const ignore = browser === null;
  Deno.test({ name: `${name} (needs chromium)`, ignore, fn: () => run(browser!) });
}

const figures: Record<string, Figure> = {
  "curves": sampleFigure(),
  "bars": layerProfileFigure(sampleProfileRows(4), {
    quantity: "‖Δ‖ / ‖W‖",
    bars: true,
    width: "84mm",
    theme: "talk",
  }),
};

/** Levels of grey from 0 to 255 of a drawing on white. */
function greys(svg: string): Uint8Array {
  const fontFiles = fontFaces.map(({ path }) => path);
  const { pixels } = new Resvg(svg, { background: "white", font: { fontFiles } }).render();
  return new Uint8Array(pixels.length / 4).map((_, at) => pixels[4 * at + 1]);
}

/** Every line, marker and bar, where it stands. */
function paths(svg: string): string[] {
  return Array.from(
    svg.matchAll(/<path [^>]*>/g),
    ([path]) =>
      ["transform", "d"].map((name) => new RegExp(` ${name}="([^"]*)"`).exec(path)?.[1]).join(" "),
  );
}

for (const [name, figure] of Object.entries(figures)) {
  testWithBrowser(`${name} look in a browser as we draw them`, async (path) => {
    const [ours, theirs] = [await renderSvg(figure), await browserDrawing(path)(figure)];
    const [a, b] = [greys(ours), greys(theirs)];
    assert.equal(a.length, b.length);
    const different = a.filter((level, at) => Math.abs(level - b[at]) > 32).length / a.length;
    // The edges of letters: a browser rounds the heights of lines.
    assert.ok(different < 0.015, `${(100 * different).toFixed(3)} % of the pixels`);
    assert.deepEqual(paths(ours), paths(theirs));
    const [boxes, others] = [textBoxes(ours), textBoxes(theirs)];
    assert.deepEqual(boxes.map(({ text }) => text), others.map(({ text }) => text));
    for (const [index, { text, box }] of boxes.entries()) {
      const other = others[index].box;
      const apart = Math.hypot(box.x - other.x, box.y - other.y);
      assert.ok(apart < 1.5, `${text}: ${apart.toFixed(2)} px`);
    }
  });
}

testWithBrowser("a heat map, which paints on a canvas, becomes SVG, PNG and PDF", async (path) => {
  await using folder = await temporaryFolder();
  const figure: Figure = {
    data: [{ type: "heatmap", z: [[1, 2], [3, 4]], colorscale: "Viridis" }],
    layout: { width: 300, height: 200, margin: { l: 40, r: 40, t: 20, b: 30 } },
  };
  await assert.rejects(renderSvg(figure), ReportError);
  const draw = browserDrawing(path);
  const paths = await exportFigure(figure, join(folder.path, "map"), { draw });
  assert.deepEqual(paths.map((each) => each.slice(-4)), [".svg", ".png", ".pdf"]);
  const svg = await Deno.readTextFile(paths[0]);
  assert.match(svg, /<image [^>]*href="data:image\/png;base64,/);
  // The colour bar's gradient is found by its id.
  const [, gradient] = /fill: url\(#([^)]+)\)/.exec(svg)!;
  assert.ok(svg.includes(`id="${gradient}"`));
  const levels = new Set(greys(svg));
  assert.ok(levels.size > 20, "cells, a gradient and text");
  assert.equal(await draw(figure), await draw(figure), "the same bytes again");
});

testWithBrowser("what plotly does not know is refused by name, in a browser too", async (path) => {
  const figure: Figure = {
    data: [{ type: "scatter", y: [1], lien: { width: 2 } }],
    layout: { width: 300, height: 200, title: { text: "</script><b>&amp;" } },
  };
  await assert.rejects(browserDrawing(path)(figure), (error) => {
    assert.ok(error instanceof ReportError);
    assert.match(error.message, /data trace 0, key lien/);
    return true;
  });
});

Deno.test("a program that is no browser is named", async () => {
  await assert.rejects(browserDrawing(Deno.execPath())(sampleFigure()), (error) => {
    assert.ok(error instanceof ReportError);
    assert.match(error.message, /deno.*ended without drawing: got 'exit code \d+/);
    return true;
  });
});

Deno.test("a PATH without a browser is said to be so", async () => {
  const path = Deno.env.get("PATH")!;
  await using folder = await temporaryFolder();
  try {
    Deno.env.set("PATH", folder.path);
    await assert.rejects(findBrowser("--browser"), (error) => {
      assert.ok(error instanceof OptionError);
      assert.match(
        error.message,
        /^option '--browser': finds no browser: got 'a PATH without chromium,/,
      );
      return true;
    });
    const placed = join(folder.path, "google-chrome");
    await Deno.writeTextFile(placed, "");
    assert.equal(await findBrowser(), placed);
  } finally {
    Deno.env.set("PATH", path);
  }
});
