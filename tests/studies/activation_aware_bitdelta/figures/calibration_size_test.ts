import assert from "node:assert/strict";
import { type Attributes, type Figure, ReportError } from "../../../../lib/figures/figure.ts";
import { calibrationSizeFigure } from "../../../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { renderSvg } from "../../../../lib/figures/export/svg.ts";
import { textBoxes } from "../../../figures/text_boxes.ts";
import { calibrationSizes, sampleCalibrationRows, samplePublishedRows } from "../sample_rows.ts";

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

Deno.test("ends of level lines stand beyond the end of the axis, in one place in both panels", () => {
  const shapes = figure.layout.shapes as unknown as { type: string; xref: string; x1: number }[];
  for (const [axis, panel] of [["xaxis", "x"], ["xaxis2", "x2"]] as const) {
    const { range: [low, high], showline } = figure.layout[axis] as {
      range: number[];
      showline: boolean;
    };
    assert.equal(showline, false);
    const line = shapes.find(({ type, xref }) => type === "line" && xref === `${panel} domain`)!;
    const [, x] = trace("initial", panel).x as number[];
    const end = (Math.log10(x) - low) / (high - low);
    const last = (Math.log10(512) - low) / (high - low);
    assert.ok(last < line.x1 && line.x1 < end && end < 1);
  }
  assert.deepEqual(trace("initial").x, trace("initial", "x2").x);
  assert.deepEqual(
    (figure.layout.xaxis as Attributes).range,
    (figure.layout.xaxis2 as Attributes).range,
  );
  assert.match(texts(figure), /^any$/m);
});

for (const theme of ["paper", "talk"] as const) {
  Deno.test(`what the ends are for stands on one line with the sizes, ${theme}`, async () => {
    const drawn = calibrationSizeFigure("code", rows, published, { panels: "measured", theme });
    const boxes = textBoxes(await renderSvg(drawn));
    const [any, size] = ["any", "512"].map((word) => boxes.find(({ text }) => text === word)!.box);
    assert.ok(Math.abs(any.y + any.height - size.y - size.height) < 0.75);
  });
}

Deno.test("a far base is off the axis with its interval, and an arrow gives its value", () => {
  const [low, high] = (figure.layout.yaxis as Attributes).range as number[];
  assert.ok(low < 8 && high > 9.1 && high < 12);
  assert.equal(trace("base"), undefined);
  assert.match(texts(figure), /^↑ base 31\.3$/m);
  const far = rows.map((row) => row.method === "fine" ? { ...row, perplexity: 2, low: 1 } : row);
  const below = calibrationSizeFigure("code", far, published);
  assert.match(texts(below), /^↓ fine-tune 2$/m);
  const near = rows.map((row) => row.method === "base" ? { ...row, perplexity: 9.5 } : row)
    .map((row) => row.method === "base" ? { ...row, low: 9.4, high: 9.6 } : row);
  const withNear = calibrationSizeFigure("code", near, published);
  assert.ok(withNear.data.some(({ name, xaxis }) => name === "base" && xaxis === "x"));
  assert.doesNotMatch(texts(withNear), /[↑↓]/);
});

Deno.test("every value of a panel lies on its axis or is said at its edge", () => {
  for (const at of [0.001, 2, 7.9, 9, 12, 1e4]) {
    const moved = rows.map((row) =>
      row.method === "base" ? { ...row, perplexity: at, low: at / 9, high: 9 * at } : row
    );
    const drawn = calibrationSizeFigure("code", moved, published);
    const [low, high] = (drawn.layout.yaxis as Attributes).range as number[];
    const isDrawn = drawn.data.some(({ name, xaxis }) => name === "base" && xaxis === "x");
    assert.equal(isDrawn, at >= low && at <= high, String(at));
    if (!isDrawn) assert.match(texts(drawn), at < low ? /^↓ base/m : /^↑ base/m);
  }
});

Deno.test("the panel of KL has each method's, with its interval", () => {
  const { y, error_y } = trace("activation-aware, corrected", "x2");
  assert.deepEqual(y, calibrationSizes.map(() => 0.02));
  const { array, arrayminus } = error_y as { array: number[]; arrayminus: number[] };
  for (const each of [...array, ...arrayminus]) assert.ok(Math.abs(each - 0.005) < 1e-12);
  assert.match(texts(figure), /lower is better/);
  const bare = calibrationSizeFigure("code", rows.map((row) => ({ ...row, kl: null })), published);
  assert.ok(!("xaxis3" in bare.layout) && "xaxis2" in bare.layout);
});

Deno.test("our panels stand alone where only they are asked for", () => {
  const alone = calibrationSizeFigure("code", rows, published, { panels: "measured" });
  assert.doesNotMatch(texts(alone), /Published/);
  assert.deepEqual([...new Set(alone.data.map(({ xaxis }) => xaxis))], ["x", "x2"]);
});

Deno.test("the x axis names the calibration sizes", () => {
  const { type, tickvals, ticktext } = figure.layout.xaxis as Attributes;
  assert.equal(type, "log");
  assert.deepEqual(tickvals, calibrationSizes);
  assert.deepEqual(ticktext, calibrationSizes.map(String));
});

Deno.test("the published panel is named so, with its own pair and no legend entry", () => {
  assert.match(texts(figure), /<b>Measured here<\/b>\nsample base → sample fine-tune; nearer/);
  assert.match(texts(figure), /<b>Published<\/b>\n7B → 7B-chat/);
  const theirs = figure.data.filter(({ xaxis }) => xaxis === "x3");
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
