import assert from "node:assert/strict";
import { type Attributes, type Figure, ReportError } from "../../../lib/figures/figure.ts";
import {
  layerProfileFigure,
  layerProfileFindings,
} from "../../../lib/studies/anatomy_of_a_delta/layer_profile.ts";
import { layerKinds } from "../../../lib/studies/anatomy_of_a_delta/layer_kind.ts";
import {
  type LayerProfileRow,
  layerProfileRows,
} from "../../../lib/studies/anatomy_of_a_delta/rows.ts";
import { sampleProfileRows } from "../activation_aware_bitdelta/sample_rows.ts";

const rows = sampleProfileRows(4);
const bare = rows.map((row) => ({ ...row, low: null, high: null }));
const quantity = "‖Δ‖";
const axis = ({ layout }: Figure, name: string) => layout[name] as Attributes;

Deno.test("a kind has its values by layer, with their intervals", () => {
  const { data } = layerProfileFigure(rows.toReversed(), { quantity });
  assert.deepEqual(data.map(({ name }) => name), [...layerKinds]);
  for (const trace of data) {
    const own = rows.filter(({ kind }) => kind === trace.name);
    assert.deepEqual((trace.x as number[]).map((x) => Math.round(x) + 0), [0, 1, 2, 3]);
    assert.deepEqual(trace.y, own.map(({ value }) => value));
    const { array, arrayminus } = trace.error_y as Attributes;
    assert.deepEqual(array, own.map(({ value, high }) => high! - value));
    assert.deepEqual(arrayminus, own.map(({ value, low }) => value - low!));
  }
});

Deno.test("points with intervals stand aside of each other, others at their layer", () => {
  const starts = (own: readonly LayerProfileRow[]) =>
    layerProfileFigure(own, { quantity }).data.map(({ x }) => (x as number[])[0]);
  assert.equal(new Set(starts(rows).slice(0, 4)).size, 4);
  assert.ok(starts(rows).every((start) => Math.abs(start) < 0.2));
  assert.deepEqual(starts(bare), [0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("values that are all one, but for rounding, have marks around them", () => {
  for (const [value, bars] of [[0, true], [0, false], [3, false], [-3, true]] as const) {
    const alike = bare.map((row, index) => ({ ...row, value: value * (1 + index % 2 * 1e-15) }));
    const { range, tickvals } = axis(layerProfileFigure(alike, { quantity, bars }), "yaxis") as {
      range: number[];
      tickvals: number[];
    };
    assert.ok(range[0] <= value && range[1] >= value && range[0] < range[1]);
    assert.ok(tickvals.length >= 3 && tickvals[1] - tickvals[0] > Math.abs(value) / 1000);
  }
});

Deno.test("both panels have one value axis, so that they can be compared", () => {
  const figure = layerProfileFigure(rows, { quantity });
  assert.deepEqual(axis(figure, "yaxis").range, axis(figure, "yaxis2").range);
  const [low, high] = axis(figure, "yaxis").range as number[];
  assert.ok(rows.every((row) => row.low! >= low && row.high! <= high));
  assert.equal((axis(figure, "yaxis").title as Attributes).text, quantity);
});

Deno.test("few layers are all named, of many each second, fourth or eighth", () => {
  const named = (layers: number) =>
    axis(layerProfileFigure(sampleProfileRows(layers), { quantity }), "xaxis").tickvals;
  assert.deepEqual(named(4), [0, 1, 2, 3]);
  assert.deepEqual(named(16), [0, 2, 4, 6, 8, 10, 12, 14]);
  assert.deepEqual(named(32), [0, 4, 8, 12, 16, 20, 24, 28]);
});

Deno.test("bars stand on zero beside each other", () => {
  const figure = layerProfileFigure(rows, { quantity, bars: true });
  assert.ok(figure.data.every(({ type }) => type === "bar"));
  assert.equal(figure.layout.barmode, "group");
  assert.equal((axis(figure, "yaxis").range as number[])[0], 0);
  assert.deepEqual(figure.data[0].x, [0, 1, 2, 3]);
  const negative = bare.map((row) => ({ ...row, value: -row.value }));
  const below = layerProfileFigure(negative, { quantity, bars: true });
  assert.equal((axis(below, "yaxis").range as number[])[1], 0);
});

Deno.test("a logarithmic axis shows values of many sizes", () => {
  const wide = bare.map((row) => ({ ...row, value: 10 ** -row.layer }));
  const figure = layerProfileFigure(wide, { quantity, logScale: true });
  const [low, high] = axis(figure, "yaxis").range as number[];
  assert.ok(low < -3 && low > -3.2 && high > 0 && high < 0.2);
});

Deno.test("equal values get an axis with an extent", () => {
  const flat = bare.map((row) => ({ ...row, value: 0 }));
  const [low, high] = axis(layerProfileFigure(flat, { quantity }), "yaxis").range as number[];
  assert.ok(low < 0 && high > 0);
});

const faults: [string, () => Figure, RegExp][] = [
  ["no rows", () => layerProfileFigure([], { quantity }), /'rows': there is nothing to draw/],
  [
    "two rows for one point",
    () => layerProfileFigure([...rows, rows[0]], { quantity }),
    /two rows of 'q' for one layer: got 0; expected one row a layer and kind/,
  ],
  [
    "a value that is not finite",
    () => layerProfileFigure([{ ...rows[0], value: NaN }], { quantity }),
    /a value that cannot be drawn: got NaN; expected finite values/,
  ],
  [
    "zero on a logarithmic axis",
    () => layerProfileFigure([{ ...bare[0], value: 0 }], { quantity, logScale: true }),
    /got 0; expected finite values above 0 for a logarithmic axis/,
  ],
  [
    "bars on a logarithmic axis",
    () => layerProfileFigure(rows, { quantity, logScale: true, bars: true }),
    /option 'bars': a logarithmic axis has no zero/,
  ],
];

for (const [name, draw, message] of faults) {
  Deno.test(`a profile of ${name} is refused`, () => {
    assert.throws(draw, (error) => {
      assert.ok(error instanceof ReportError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a profile in words: its extremes by kind and layer", () => {
  const rows = layerProfileRows("a → b", [
    ["model.layers.0.self_attn.q_proj", 1.5],
    ["model.layers.1.mlp.down_proj", -0.25],
    ["model.layers.2.mlp.gate_proj", 0.75],
  ]);
  assert.equal(
    layerProfileFindings(rows),
    "Largest in q of layer 0 (1.50), smallest in down of layer 1 (−0.250).",
  );
});
