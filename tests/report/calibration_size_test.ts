import assert from "node:assert/strict";
import type { Attributes, Figure } from "../../lib/report/figure.ts";
import { calibrationSizeFigure } from "../../lib/report/figures/calibration_size.ts";
import { ReportError } from "../../lib/report/report_error.ts";
import { calibrationSizes, sampleCalibrationRows, samplePublishedRows } from "./sample_rows.ts";

const rows = sampleCalibrationRows();
const published = samplePublishedRows();
const figure = calibrationSizeFigure("code", rows, published);

function trace(name: string, panel = "x"): Attributes {
  return figure.data.find((one) => one.name === name && one.xaxis === panel)!;
}

const texts = ({ layout }: Figure) =>
  (layout.annotations as Attributes[]).map(({ text }) => text).join("\n");

Deno.test("a curve has its rows' values, each with its interval", () => {
  const { y, error_y } = trace("activation-aware, corrected");
  const own = rows.filter(({ method, variant }) =>
    method === "activation-aware" && variant === "corrected"
  );
  assert.deepEqual(y, own.map(({ perplexity }) => perplexity));
  const { array, arrayminus } = error_y as Attributes;
  assert.deepEqual(array, own.map(({ perplexity, high }) => high! - perplexity));
  assert.deepEqual(arrayminus, own.map(({ perplexity, low }) => perplexity - low!));
});

for (const options of [{}, { width: "84mm" }, { width: "84mm", theme: "talk" }] as const) {
  Deno.test(`curves stand a marker apart about their size, ${JSON.stringify(options)}`, () => {
    const { data, layout } = calibrationSizeFigure("code", rows, published, options);
    const [faithful, corrected] = data.slice(0, 2).map(({ x }) => x as number[]);
    const { domain, range } = layout.xaxis as { domain: number[]; range: number[] };
    const pixels = (domain[1] - domain[0]) * layout.width / (range[1] - range[0]);
    const { size: marker } = data[0].marker as { size: number };
    calibrationSizes.forEach((size, index) => {
      assert.ok(Math.abs(Math.sqrt(faithful[index] * corrected[index]) / size - 1) < 1e-12);
      const apart = Math.log10(corrected[index] / faithful[index]) * pixels;
      assert.ok(apart > marker && apart < 1.6 * marker, `${apart} of ${marker} px`);
    });
  });
}

Deno.test("lines end apart from each other, right of the curves", () => {
  const ends = ["fine-tune", "distilled, study-faithful", "distilled, corrected", "initial"]
    .map((name) => (trace(name).x as number[])[1]);
  assert.equal(new Set(ends).size, ends.length);
  assert.ok(Math.min(...ends) > 512 * 1.2);
});

Deno.test("a far base is off the axis, and the legend gives its value", () => {
  const [low, high] = (figure.layout.yaxis as Attributes).range as number[];
  assert.ok(low < 8 && high > 9.1 && high < 12);
  assert.ok(trace("base: 31.3, off the axis"));
  const near = rows.map((row) => row.method === "base" ? { ...row, perplexity: 9.5 } : row)
    .map((row) => row.method === "base" ? { ...row, low: 9.4, high: 9.6 } : row);
  const withNear = calibrationSizeFigure("code", near, published);
  assert.ok(withNear.data.some(({ name }) => name === "base"));
});

Deno.test("the x axis names the calibration sizes", () => {
  const { type, tickvals, ticktext } = figure.layout.xaxis as Attributes;
  assert.equal(type, "log");
  assert.deepEqual(tickvals, calibrationSizes);
  assert.deepEqual(ticktext, calibrationSizes.map(String));
});

Deno.test("the published panel is named so, with its own pair and no legend entry", () => {
  assert.match(texts(figure), /<b>Measured here<\/b>\nsample base → sample fine-tune/);
  assert.match(texts(figure), /<b>Published<\/b>\n7B → 7B-chat/);
  const theirs = figure.data.filter(({ xaxis }) => xaxis === "x2");
  assert.equal(theirs.length, 2);
  assert.ok(theirs.every(({ showlegend, error_y }) => showlegend === false && !error_y));
  assert.match(texts(figure), /^distilled$/m);
});

Deno.test("methods keep their colours from domain to domain", () => {
  const other = calibrationSizeFigure(
    "health",
    sampleCalibrationRows("health").slice(3),
    samplePublishedRows("health"),
  );
  const colours = ({ data }: Figure) =>
    new Map(data.map(({ name, line }) => [name, (line as Attributes).color]));
  for (const [name, colour] of colours(other)) assert.equal(colours(figure).get(name), colour);
});

const faults: [string, () => Figure, RegExp][] = [
  ["no rows", () => calibrationSizeFigure("code", [], published), /'rows'.*nothing to draw/],
  [
    "no rows of the domain",
    () => calibrationSizeFigure("health", rows, published),
    /'rows'.*nothing to draw/,
  ],
  [
    "no published rows",
    () => calibrationSizeFigure("code", rows, []),
    /'published'.*nothing to draw/,
  ],
  [
    "no calibration size",
    () =>
      calibrationSizeFigure(
        "code",
        rows.filter(({ calibrationSize }) => calibrationSize === null),
        published,
      ),
    /no row of domain 'code' has a calibration size/,
  ],
  [
    "two pairs",
    () => calibrationSizeFigure("code", [...rows, { ...rows[0], pair: "other" }], published),
    /sample fine-tune', 'other'\]; expected rows of exactly one pair/,
  ],
  [
    "a repeated row",
    () => calibrationSizeFigure("code", [...rows, rows.at(-1)!], published),
    /two rows of 'activation-aware', 'corrected', for one point: got 512/,
  ],
];

for (const [name, draw, message] of faults) {
  Deno.test(`${name}: refused with a typed error`, () => {
    assert.throws(draw, (error) => {
      assert.ok(error instanceof ReportError);
      assert.match(error.message, message);
      return true;
    });
  });
}
