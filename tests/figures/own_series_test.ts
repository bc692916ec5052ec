import assert from "node:assert/strict";
import { type Attributes, type Figure, ReportError } from "../../lib/figures/figure.ts";
import { seriesFigure, type SeriesRow } from "../../lib/figures/own_series.ts";
import { renderSvg } from "../../lib/figures/export/svg.ts";

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

Deno.test("points of many series stand nearer their x than any other, and in their panel", () => {
  const sizes = [1, 2, 4, 1000];
  const many = Array.from(
    { length: 8 },
    (_, index) => sizes.map((x) => ({ series: `s${index}`, x, y: x + index, low: 0, high: 2000 })),
  ).flat();
  for (const logX of [true, false]) {
    const { data, layout } = seriesFigure(many, { ...titles, width: "84mm", logX });
    const along = logX ? Math.log2 : Number;
    const { range, domain } = layout.xaxis as { range: number[]; domain: number[] };
    const [low, high] = logX ? range.map((end) => 10 ** end) : range;
    for (const { x, marker } of data as { x: number[]; marker: { size: number } }[]) {
      const half = marker.size / 2 / (layout.width * (domain[1] - domain[0])) *
        (along(high) - along(low));
      x.forEach((at, index) => {
        const away = sizes.map((size) => Math.abs(along(at) - along(size)));
        assert.equal(away.indexOf(Math.min(...away)), index);
        assert.ok(along(at) - half >= along(low) && along(at) + half <= along(high));
      });
    }
  }
});

Deno.test("a logarithmic axis has a mark at each x where these are few and short, else round ones", () => {
  const marks = (xs: number[]) => {
    const points = xs.map((x) => ({ series: "a", x, y: 1 }));
    return (seriesFigure(points, { ...titles, logX: true }).layout.xaxis as Attributes).tickvals;
  };
  assert.deepEqual(marks([3, 17, 40]), [3, 17, 40]);
  assert.deepEqual(marks([0.1 + 0.2, 1 / 3, 3]), [0.5, 1, 2]);
  assert.deepEqual(marks(Array.from({ length: 200 }, (_, x) => x + 1)), [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
  ]);
});

Deno.test("values that are all zero are drawn", async () => {
  const zeros = [1, 2].flatMap((x) => ["a", "b"].map((series) => ({ series, x, y: 0 })));
  assert.match(await renderSvg(seriesFigure(zeros, titles)), /^<svg/);
});

Deno.test("a panel without a y title has none, whatever it is called", () => {
  const named = rows.map((row) => ({ ...row, panel: "constructor" }));
  const { layout } = seriesFigure(named, { xTitle: "x", yTitle: {} });
  assert.equal(((layout.yaxis as Attributes).title as Attributes).text, "");
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
  ["a value at the end of floating point", [{ ...point, y: -1e308 }], /'a' that cannot be drawn/],
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
