import assert from "node:assert/strict";
import { renderSvg } from "../../lib/figures/export/svg.ts";
import { calibrationSizeFigure } from "../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { legendBelow } from "../../lib/figures/legend.ts";
import { figureFrame } from "../../lib/figures/theme.ts";
import {
  sampleCalibrationRows,
  samplePublishedRows,
} from "../studies/activation_aware_bitdelta/sample_rows.ts";
import { textBoxes } from "./text_boxes.ts";

const groups = [
  ["activation-aware, study-faithful", "activation-aware, corrected"],
  ["distilled, study-faithful", "distilled, corrected"],
  ["fine-tune", "initial", "base: 89.2, off the axis"],
];

/** Entries in the order that plotly fills rows with. */
function inOrder(labels: readonly (readonly string[])[], width: string, theme: string): string[] {
  const { entries } = legendBelow(labels, figureFrame({ width, theme }));
  return entries.toSorted((a, b) => a.rank - b.rank).map(({ name }) => name);
}

Deno.test("across a page, a legend has a column for each group, the longest first", () => {
  assert.deepEqual(inOrder(groups, "page", "paper"), [
    ...["fine-tune", "activation-aware, study-faithful", "distilled, study-faithful"],
    ...["initial", "activation-aware, corrected", "distilled, corrected"],
    "base: 89.2, off the axis",
  ]);
});

Deno.test("in a column, a legend runs down two columns and breaks long entries", () => {
  assert.deepEqual(inOrder(groups, "84mm", "paper"), [
    ...["activation-aware,<br>study-faithful", "fine-tune"],
    ...["activation-aware,<br>corrected", "initial"],
    ...["distilled, study-faithful", "base: 89.2, off the axis"],
    "distilled, corrected",
  ]);
});

Deno.test("in a narrow column with large type, entries stand below each other unbroken", () => {
  assert.deepEqual(inOrder(groups, "84mm", "talk"), groups.flat());
});

Deno.test("short entries share a row, and a last row is short where they do not fill it", () => {
  const kinds = [["q", "k", "v", "o"], ["gate", "up", "down"]];
  assert.deepEqual(inOrder(kinds, "page", "paper"), kinds.flat());
  assert.deepEqual(inOrder(kinds, "84mm", "talk"), ["q", "o", "up", "k", "gate", "down", "v"]);
});

Deno.test("a legend grows with its rows and its type", () => {
  const height = (labels: string[][], theme: string) =>
    legendBelow(labels, figureFrame({ width: "84mm", theme })).height;
  assert.ok(height(groups, "talk") > height(groups, "paper"));
  assert.ok(height(groups, "paper") > height(groups.slice(1), "paper"));
  assert.ok(height([["one"]], "paper") > 0);
});

for (const width of ["84mm", "113mm", "page", "300mm"]) {
  Deno.test(`plotly fills a legend's rows as they were planned, ${width}`, async () => {
    const figure = calibrationSizeFigure("code", sampleCalibrationRows(), samplePublishedRows(), {
      width: width as "page",
    });
    const planned = figure.data.filter(({ showlegend }) => showlegend)
      .toSorted((a, b) => (a.legendrank as number) - (b.legendrank as number))
      .map(({ name }) => String(name).split("<br>")[0]);
    assert.equal(planned.length, 7);
    const boxes = textBoxes(await renderSvg(figure));
    const places = planned.map((name) => boxes.findLast(({ text }) => text === name)!.box);
    const columns = new Set(places.map(({ x }) => Math.round(x)));
    places.forEach(({ x, y }, index) => {
      if (index === 0) return;
      const before = places[index - 1];
      if (index % columns.size === 0) assert.ok(y > before.y && x < before.x || columns.size === 1);
      else assert.ok(x > before.x);
    });
  });
}
