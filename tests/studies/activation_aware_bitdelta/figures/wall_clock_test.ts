import assert from "node:assert/strict";
import { renderSvg } from "../../../../lib/figures/export/svg.ts";
import { type Attributes, ReportError } from "../../../../lib/figures/figure.ts";
import { wallClockFigure } from "../../../../lib/studies/activation_aware_bitdelta/figures/wall_clock.ts";
import type { WallClockRow } from "../../../../lib/studies/activation_aware_bitdelta/rows.ts";
import { sampleWallClockRows } from "../sample_rows.ts";
import { faultsOf, textBoxes } from "../../../figures/text_boxes.ts";

const rows = sampleWallClockRows();
const figure = wallClockFigure(rows, rows.map((row) => ({ ...row, pair: "7B → 7B-chat" })));

Deno.test("both panels show seconds by batch size, on logarithmic axes", () => {
  for (const [xaxis, yaxis] of [["x", "y"], ["x2", "y2"]]) {
    const trace = figure.data.find((one) =>
      one.name === "activation-aware" && one.xaxis === xaxis
    )!;
    assert.equal(trace.yaxis, yaxis);
    assert.deepEqual(trace.x, [1, 8, 32]);
    assert.deepEqual(trace.y, [3, 3, 3]);
    assert.deepEqual((trace.error_y as Attributes).array, [0.5, 0.5, 0.5]);
  }
  assert.equal((figure.layout.xaxis2 as Attributes).type, "log");
  assert.equal((figure.layout.yaxis as Attributes).type, "log");
});

Deno.test("a batch size that ran out of memory has words instead of a point", () => {
  const distilled = figure.data.find(({ name }) => name === "distilled")!;
  assert.deepEqual(distilled.x, [1, 8]);
  const words = (figure.layout.annotations as Attributes[]).filter(({ text }) =>
    String(text).includes("out of")
  );
  assert.deepEqual(words.map(({ xref, x }) => [xref, x]), [
    ["x", Math.log10(32)],
    ["x2", Math.log10(32)],
  ]);
});

const without = { seconds: null, low: null, high: null };
const failures: [what: string, rows: WallClockRow[]][] = [
  ["a method", rows.map((row) => row.method === "distilled" ? { ...row, ...without } : row)],
  ["everything", rows.map((row) => ({ ...row, ...without }))],
];
for (const [what, failed] of failures) {
  Deno.test(`${what} that never came to its end is named in the legend, its words apart`, async () => {
    const drawn = wallClockFigure(failed, rows, { width: "84mm", panels: "measured" });
    const svg = await renderSvg(drawn);
    assert.deepEqual(faultsOf(svg), []);
    const texts = textBoxes(svg).map(({ text }) => text);
    for (const name of ["distilled", "activation-aware"]) assert.ok(texts.includes(name), name);
    // The words take two lines and a cross at the top, which no bar of another method reaches.
    const { range } = drawn.layout.yaxis as { range: number[] };
    for (const { high } of failed) {
      if (high === null) continue;
      assert.ok((Math.log10(high) - range[0]) / (range[1] - range[0]) < 0.65);
    }
  });
}

Deno.test("no rows are refused with a typed error", () => {
  assert.throws(() => wallClockFigure([], rows), ReportError);
});
