/** Figures drawn by a real browser, held against ours; reported as ignored where there is none. */

import assert from "node:assert/strict";
import { Resvg } from "@resvg/resvg-js";
import { fontFaces } from "../../lib/figures/export/fonts.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import type { Figure } from "../../lib/figures/figure.ts";
import { layerProfileFigure } from "../../lib/studies/anatomy_of_a_delta/layer_profile.ts";
import { findBrowser } from "../../scripts/look/find_browser.ts";
import { drawnByBrowser } from "./browser_drawing.ts";
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
  const fontFiles = fontFaces().map(({ path }) => path);
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
    const [ours, theirs] = [await renderSvg(figure), await drawnByBrowser(path, figure)];
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
