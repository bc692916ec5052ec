/** What other programs say of exported figures: fonts, sizes, text, XML, and a paper that takes them in. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { exportFigure } from "../../lib/figures/export/figure_files.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import type { Figure } from "../../lib/figures/figure.ts";
import { calibrationSizeFigure } from "../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { deltaDistributionFigure } from "../../lib/studies/anatomy_of_a_delta/delta_distribution.ts";
import { layerProfileFigure } from "../../lib/studies/anatomy_of_a_delta/layer_profile.ts";
import { wallClockFigure } from "../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import { captionToLatex, tableToLatex } from "../../lib/tables/latex.ts";
import type { FigureOptions } from "../../lib/figures/theme.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { testWithProgram } from "./programs.ts";
import {
  sampleCalibrationRows,
  sampleDensityRows,
  sampleProfileRows,
  samplePublishedRows,
  sampleWallClockRows,
} from "../studies/activation_aware_bitdelta/sample_rows.ts";
import { textBoxes } from "./text_boxes.ts";

const figures: Record<string, (options: FigureOptions) => Figure> = {
  "wall-clock": (options) => wallClockFigure(sampleWallClockRows(), sampleWallClockRows(), options),
  "calibration-size": (options) =>
    calibrationSizeFigure("code", sampleCalibrationRows(), samplePublishedRows(), options),
  "distribution": (options) => deltaDistributionFigure(sampleDensityRows(), options),
  "profile": (options) =>
    layerProfileFigure(sampleProfileRows(4), { ...options, quantity: "‖Δ‖", bars: true }),
};

/** Every figure in both themes and three widths. */
const settings = Object.entries(figures).flatMap(([name, draw]) =>
  ([["84mm", 84, "paper"], ["page", 175, "paper"], ["120.4mm", 120.4, "talk"]] as const)
    .map(([width, millimetres, theme]) => ({ name, draw, width, millimetres, theme }))
);

/** PDFs of these settings, each made once for all that is asked of it. */
const folder = await temporaryFolder();
addEventListener("unload", () => Deno.removeSync(folder.path, { recursive: true }));
const pdfs = new Map<string, Promise<string>>();

function pdfOf({ name, draw, width, theme }: typeof settings[number]): Promise<string> {
  const path = join(folder.path, `${name}-${width}-${theme}`);
  const pdf = pdfs.get(path) ??
    exportFigure(draw({ width, theme }), path, { formats: ["pdf"] }).then(([pdf]) => pdf);
  pdfs.set(path, pdf);
  return pdf;
}

for (const setting of settings) {
  const { name, draw, width, millimetres, theme } = setting;

  testWithProgram("pdffonts", `${name}, ${width}, ${theme}: fonts are embedded`, async (fonts) => {
    const rows = (await fonts([await pdfOf(setting)])).trim().split("\n").slice(2);
    assert.equal(rows.length, 2);
    for (const row of rows) {
      assert.match(
        row,
        /^[A-Z]{6}\+SourceSans3-(Regular|Bold) +CID TrueType +Identity-H +yes yes yes/,
      );
    }
  });

  testWithProgram("pdfinfo", `${name}, ${width}, ${theme}: the page is as asked`, async (info) => {
    const sizes = await info([await pdfOf(setting)]);
    const [, across, down] = /Page size: +([\d.]+) x ([\d.]+) pts/.exec(sizes)!;
    assert.ok(Math.abs(Number(across) / 72 * 25.4 - millimetres) < 0.5);
    const { layout } = draw({ width, theme });
    assert.ok(Math.abs(Number(down) - layout.height * 72 / 96) < 0.1);
  });
}

/** Words with their boxes in points, as pdftotext finds them in a PDF. */
function words(html: string) {
  return Array.from(
    html.matchAll(
      /<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)</g,
    ),
    ([, left, top, right, bottom, text]) => ({
      text: text.replaceAll("&lt;", "<").replaceAll("&amp;", "&"),
      ...{ left: Number(left), top: Number(top), right: Number(right), bottom: Number(bottom) },
    }),
  );
}

for (const [name, draw] of Object.entries(figures)) {
  testWithProgram("pdftotext", `${name}: text is text, and where it was measured`, async (text) => {
    await using folder = await temporaryFolder();
    const figure = draw({ width: "84mm" });
    const [pdf] = await exportFigure(figure, join(folder.path, name), { formats: ["pdf"] });
    const found = words(await text(["-bbox", pdf, "-"]));
    const boxes = textBoxes(await renderSvg(figure));
    assert.deepEqual(
      found.map((word) => word.text).sort(),
      boxes.flatMap((box) => box.text.split(/[ \u00a0]+/)).sort(),
    );
    // A text of one word: the same place and width, to half a point, but for what a letter overhangs.
    for (const { text, box: { x, width, height } } of boxes) {
      if (/\s/.test(text) || height > width) continue;
      const near = found.some((word) =>
        word.text === text && Math.abs(word.left - x * 0.75) < 0.5 &&
        Math.abs(word.right - (x + width) * 0.75) < 0.5
      );
      assert.ok(near, text);
    }
  });

  testWithProgram("xmllint", `${name}: the SVG is well-formed XML`, async (xmllint) => {
    await using folder = await temporaryFolder();
    const [svg] = await exportFigure(draw({}), join(folder.path, name), { formats: ["svg"] });
    assert.equal(await xmllint(["--noout", svg]), "");
  });
}

testWithProgram("pdflatex", "a paper takes in figure, caption and table", async (pdflatex) => {
  await using folder = await temporaryFolder();
  const figure = figures["calibration-size"]({ width: "84mm" });
  await exportFigure(figure, join(folder.path, "figure-2"), { formats: ["pdf"] });
  const special = "50 % of a_b & c#d ^~ {x} $y$ \\z <w> |v| “q” ‘r’ Δ → ≥ – … ‖";
  const write = (name: string, text: string) => Deno.writeTextFile(join(folder.path, name), text);
  await write("figure-2.tex", captionToLatex(special, "figure-2"));
  const table = { title: "Table 1. One", columns: [{ name: special }], rows: [["cell"]] };
  await write("table-1.tex", tableToLatex(table, "one"));
  await write(
    "paper.tex",
    String.raw`\documentclass{article}\usepackage{graphicx,array,booktabs}\begin{document}
\begin{figure}\includegraphics{figure-2}\input{figure-2}\end{figure}\input{table-1}
Figure~\ref{fig:figure-2}, Table~\ref{tab:one}.\end{document}`,
  );
  const log = await pdflatex(
    ["-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper.tex"],
    folder.path,
  );
  assert.match(log, /Output written on .*paper\.pdf \(\d page/);
  assert.doesNotMatch(log, /Undefined control sequence|Missing \$|Unicode character/);
});
