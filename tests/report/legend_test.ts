import assert from "node:assert/strict";
import { legendBelow } from "../../lib/report/figures/legend.ts";
import { figureFrame } from "../../lib/report/theme.ts";

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
