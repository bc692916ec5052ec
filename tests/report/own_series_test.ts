import assert from "node:assert/strict";
import type { Attributes, Figure } from "../../lib/report/figure.ts";
import { seriesFigure, type SeriesRow } from "../../lib/report/figures/own_series.ts";
import { ReportError } from "../../lib/report/report_error.ts";

const titles = { xTitle: "Bits a weight", yTitle: "Perplexity, lower is better" };
const rows: SeriesRow[] = [
  ...[4, 1, 2].map((x) => ({ series: "ours", x, y: 10 - x, low: 9 - x, high: 12 - x })),
  ...[1, 2, 4].map((x) => ({ series: "theirs", x, y: 20 - x })),
  { series: "fine-tune", x: null, y: 5, low: 4, high: 6 },
];
const figure = seriesFigure(rows, titles);

const texts = ({ layout }: Figure) => (layout.annotations as Attributes[]).map(({ text }) => text);
const trace = (name: string) => figure.data.find((each) => each.name === name)!;

Deno.test("series are joined by rising x, with the intervals they have", () => {
  assert.deepEqual(trace("ours").y, [9, 8, 6]);
  assert.deepEqual((trace("ours").error_y as Attributes).array, [2, 2, 2]);
  assert.deepEqual(trace("theirs").y, [19, 18, 16]);
  assert.equal(trace("theirs").error_y, undefined);
  const looks = figure.data.map(({ line }) => (line as Attributes).color);
  assert.equal(new Set(looks).size, 3);
});

Deno.test("points of a linear axis stand within half a marker of their x", () => {
  const { range, domain } = figure.layout.xaxis as { range: number[]; domain: number[] };
  const pixels = figure.layout.width * (domain[1] - domain[0]) / (range[1] - range[0]);
  const { size } = trace("ours").marker as { size: number };
  (trace("ours").x as number[]).forEach((x, index) => {
    assert.ok(Math.abs(x - [1, 2, 4][index]) * pixels <= size / 2);
  });
});

Deno.test("few series are named beside their lines, and a legend is only where they find no room", () => {
  for (const name of ["ours", "theirs", "fine-tune"]) assert.ok(texts(figure).includes(name));
  assert.equal(figure.layout.showlegend, false);
  const many = Array.from(
    { length: 8 },
    (_, index) =>
      [1, 2, 3].map((x) => ({ series: `a series of number ${index}`, x, y: x + index / 20 })),
  ).flat();
  const crowded = seriesFigure(many, { ...titles, width: "84mm" });
  assert.equal(crowded.layout.showlegend, true);
  assert.equal(crowded.data.filter(({ showlegend }) => showlegend).length, 8);
  assert.ok(!texts(crowded).some((text) => String(text).startsWith("a series")));
});

Deno.test("panels have their titles, and y axes their own", () => {
  const both = rows.flatMap((row) => [{ ...row, panel: "Left" }, { ...row, panel: "Right" }]);
  const drawn = seriesFigure(both, { xTitle: "x", yTitle: { Left: "one", Right: "two" } });
  assert.ok(texts(drawn).includes("<b>Left</b>") && texts(drawn).includes("<b>Right</b>"));
  const yTitles = ["yaxis", "yaxis2"].map((axis) => (drawn.layout[axis] as Attributes).title);
  assert.deepEqual(yTitles.map((title) => (title as Attributes).text), ["one", "two"]);
});

const point = { series: "a", x: 1, y: 1 };
const refused: [what: string, rows: SeriesRow[], message: RegExp, more?: object][] = [
  ["no rows", [], /'rows'/],
  ["no x at all", [{ ...point, x: null }], /no series with an x/],
  ["a point twice", [point, point], /two rows of 'a' for one point/],
  ["a level value twice", [point, { ...point, x: null }], /two rows of 'a' for one point/],
  ["a value that is not finite", [{ ...point, y: NaN }], /'a' that cannot be drawn: got NaN/],
  ["an x that is not finite", [{ ...point, x: Infinity }], /'a' that cannot be drawn/],
  ["a value of 0 on a logarithmic axis", [{ ...point, y: 0 }], /above 0/, { logY: true }],
  ["an x below 0 on a logarithmic axis", [{ ...point, x: -1 }], /above 0/, { logX: true }],
  ["an interval beside its value", [{ ...point, low: 2, high: 3 }], /does not hold its value/],
  ["half an interval", [{ ...point, low: 0 }], /does not hold its value/],
  [
    "nine series",
    Array.from({ length: 9 }, (_, index) => ({ ...point, series: `s${index}` })),
    /more series than looks.*got 9; expected 8/,
  ],
];

for (const [what, wrong, message, more] of refused) {
  Deno.test(`${what}: refused with a typed error`, () => {
    assert.throws(() => seriesFigure(wrong, { ...titles, ...more }), (error) => {
      assert.ok(error instanceof ReportError);
      assert.match(error.message, message);
      return true;
    });
  });
}
