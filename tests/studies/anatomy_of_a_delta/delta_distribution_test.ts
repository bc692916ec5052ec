import assert from "node:assert/strict";
import { type Attributes, type Figure, ReportError } from "../../../lib/figures/figure.ts";
import { deltaDistributionFigure } from "../../../lib/studies/anatomy_of_a_delta/delta_distribution.ts";
import { layerKinds } from "../../../lib/studies/anatomy_of_a_delta/layer_kind.ts";
import { sampleDensityRows } from "../activation_aware_bitdelta/sample_rows.ts";

const rows = sampleDensityRows();
const axis = ({ layout }: Figure, name: string) => layout[name] as Attributes;

Deno.test("a kind has one line through the middles of its bins", () => {
  const { data } = deltaDistributionFigure(rows);
  assert.deepEqual(data.map(({ name }) => name), [...layerKinds]);
  for (const trace of data) {
    const own = rows.filter(({ kind }) => kind === trace.name);
    assert.deepEqual(trace.x, own.map(({ from, to }) => (from + to) / 2));
    assert.deepEqual(trace.y, own.map(({ density }) => density));
  }
  assert.deepEqual(
    data.map(({ xaxis }) => xaxis),
    ["x", "x", "x", "x", "x2", "x2", "x2"],
  );
});

Deno.test("the order of rows does not matter", () => {
  assert.deepEqual(deltaDistributionFigure(rows.toReversed()), deltaDistributionFigure(rows));
});

Deno.test("both panels show the whole range of bins, from density zero", () => {
  const figure = deltaDistributionFigure(rows);
  const highest = Math.max(...rows.map(({ density }) => density));
  for (const number of ["", "2"]) {
    assert.deepEqual(axis(figure, `xaxis${number}`).range, [-4, 4]);
    const [low, high] = axis(figure, `yaxis${number}`).range as number[];
    assert.ok(low === 0 && high > highest);
  }
});

Deno.test("on a logarithmic axis empty bins interrupt the line", () => {
  const figure = deltaDistributionFigure(rows, { logScale: true, quantity: "Δ / σ" });
  assert.equal(axis(figure, "yaxis").type, "log");
  const [low, high] = (axis(figure, "yaxis").range as number[]).map((power) => 10 ** power);
  const positive = rows.map(({ density }) => density).filter((density) => density > 0);
  assert.ok(low < Math.min(...positive) && high > Math.max(...positive));
  for (const { y } of figure.data) {
    assert.deepEqual([(y as number[])[0], (y as number[]).at(-1)], [null, null]);
    assert.ok((y as number[]).slice(1, -1).every((each) => each > 0));
  }
  assert.equal((axis(figure, "xaxis").title as Attributes).text, "Δ / σ");
});

for (const logScale of [false, true]) {
  Deno.test(`the normal density stands behind, in both panels; logarithmic: ${logScale}`, () => {
    const figure = deltaDistributionFigure(rows, { normal: true, logScale });
    const [first, second, ...kinds] = figure.data;
    assert.deepEqual(kinds.map(({ name }) => name), [...layerKinds]);
    assert.deepEqual(
      [first, second].map(({ name, xaxis, showlegend }) => [name, xaxis, showlegend]),
      [
        ["normal", "x", true],
        ["normal", "x2", false],
      ],
    );
    const places = first.x as number[];
    assert.deepEqual([places[0], places.at(-1)], [-4, 4]);
    const ends = axis(figure, "yaxis").range as number[];
    const [low, high] = logScale ? ends.map((power) => 10 ** power) : ends;
    (first.y as (number | null)[]).forEach((density, index) => {
      const normal = 0.3989422804 * Math.exp(-(places[index] ** 2) / 2);
      if (density === null) assert.ok(normal < low || normal > high, `${places[index]}`);
      else assert.ok(Math.abs(density / normal - 1) < 1e-9, `${places[index]}`);
    });
  });
}

Deno.test("kinds without rows, and a panel without kinds, are left out", () => {
  const { data, layout } = deltaDistributionFigure(rows.filter(({ kind }) => kind === "up"));
  assert.deepEqual(data.map(({ name, xaxis }) => [name, xaxis]), [["up", "x"]]);
  assert.ok(!("xaxis2" in layout));
});

const faults: [string, () => Figure, RegExp][] = [
  ["no rows", () => deltaDistributionFigure([]), /'rows': there is nothing to draw/],
  [
    "two pairs",
    () => deltaDistributionFigure([...rows, { ...rows[0], pair: "other" }]),
    /a figure shows one pair: got \['sample base → sample fine-tune', 'other'\]/,
  ],
  [
    "a gap between bins",
    () => deltaDistributionFigure(rows.filter((_, index) => index !== 3)),
    /bins of 'q' do not join: got '-3\.4 and -3\.2'/,
  ],
  [
    "a negative density",
    () => deltaDistributionFigure([{ ...rows[0], density: -1 }]),
    /no density that can be drawn: got -1; expected finite/,
  ],
  [
    "an infinite density",
    () => deltaDistributionFigure([{ ...rows[0], density: Infinity }]),
    /got Infinity/,
  ],
  [
    "nothing but empty bins",
    () => deltaDistributionFigure([{ ...rows[0], density: 0 }]),
    /got 0; expected finite densities of at least 0, some above/,
  ],
];

for (const [name, draw, message] of faults) {
  Deno.test(`a distribution of ${name} is refused`, () => {
    assert.throws(draw, (error) => {
      assert.ok(error instanceof ReportError);
      assert.match(error.message, message);
      return true;
    });
  });
}
