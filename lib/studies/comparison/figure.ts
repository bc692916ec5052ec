/**
 * Several compressed models of a pair on several texts: how far each is from the fine-tune, and what that
 * does to perplexity.
 */

import type { ComparisonRow } from "./comparison.ts";
import { type Attributes, type Figure, ReportError } from "../../figures/figure.ts";
import { isOwnModel, modelLook } from "../../figures/models.ts";
import { markers, type SeriesLook } from "../../figures/style.ts";
import { figureFrame, type FigureOptions } from "../../figures/theme.ts";
import { type AxisScale, extentOf, linearTicks } from "../../figures/axis.ts";
import { arrangePanels } from "../../figures/panels.ts";
import { curve, type CurvePoint } from "../../figures/series.ts";

/** Half the span of x that the points of one text take: models stand beside each other. */
const aside = 0.3;
/** Free share of the y axis beyond the outermost ends. */
const margin = 0.06;

/**
 * KL(fine ‖ model) and perplexity relative to the fine-tune's, by text, a marker a model with its 95 %
 * interval. The base is left out: it is what a delta of nothing gives, and far from the rest.
 *
 * @param rows of one pair, as {@linkcode compareMethods} gives them
 * @throws {ReportError} if no row is of a compressed model.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { comparisonFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const score = {
 *   ...{ text: "a.txt", variant: null, settings: null, perplexity: 20, kl: 0.1, agreement: 0.9 },
 *   ...{ againstFine: null, againstFirst: null, klAgainstFirst: null, bitsPerByte: 1.5 },
 * };
 * const rows = ["base", "fine", "initial"].map((method) => {
 *   return { ...score, method, drawn: "8 windows" };
 * });
 * assert.ok(comparisonFigure("base → fine", rows).data.length > 0);
 * ```
 */
export function comparisonFigure(
  pair: string,
  rows: readonly ComparisonRow[],
  options: FigureOptions = {},
): Figure {
  const models = compressed(rows);
  const frame = figureFrame(options);
  const texts = [...new Set(models.map(({ text }) => text))];
  const series = [...Map.groupBy(models, comparedLabel).values()];
  const x: AxisScale = {
    type: "linear",
    range: [-0.5, texts.length - 0.5],
    ticks: { values: texts.map((_, index) => index), texts },
  };
  const shared = { x, xTitle: "Text", subtitle: pair, share: 0.5, hasNames: true };
  const panels = [
    {
      title: "Distance from the fine-tune",
      yTitle: "KL (nats a token), lower is nearer",
      isJoined: true,
      of: klPoint,
    },
    { title: "Perplexity", yTitle: "Against the fine-tune (%)", of: perplexityPoint },
  ].map(({ of, ...panel }) => {
    const points = series.map((each, index) =>
      each.map((row) => of(row, rows, texts.indexOf(row.text) + shift(index, series.length)))
    );
    return { ...shared, ...panel, y: axisOf(points.flat()), points };
  });
  const looks = distinctLooks(series.map(([model]) => model));
  const { layout, panels: placed, legend } = arrangePanels(
    panels,
    [looks.map(({ label }) => label)],
    frame,
  );
  const data = panels.flatMap(({ points }, panel) =>
    points.map((each, index): Attributes => ({
      ...curve(each, looks[index], {
        axes: placed[panel].axes,
        theme: frame.theme,
        legend: panel === 0 ? legend.entries[index] : null,
      }),
      // Texts have no order that a line could follow.
      mode: "markers",
    }))
  );
  return { data, layout };
}

function compressed(rows: readonly ComparisonRow[]): ComparisonRow[] {
  const models = rows.filter(({ method }) => !isOwnModel(method));
  if (models.length > 0) return models;
  throw new ReportError({
    problem: "there is nothing to draw",
    option: "rows",
    value: `${rows.length} rows`,
    expected: "at least one of a compressed model",
  });
}

/**
 * What a model is called in legend and table.
 *
 * @example
 * ```ts
 * import { comparedLabel } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const score = {
 *   ...{ text: "a.txt", perplexity: 20, kl: 0.1, agreement: 0.9, bitsPerByte: 1.5 },
 *   ...{ againstFine: null, againstFirst: null, klAgainstFirst: null, drawn: "8 windows" },
 * };
 * const model = { method: "activation-aware", variant: "corrected", settings: null };
 * assert.equal(comparedLabel({ ...score, ...model }), "activation-aware, corrected");
 * ```
 */
export function comparedLabel(row: ComparisonRow): string {
  const { label } = modelLook(row);
  return row.settings === null ? label : `${label} (${row.settings})`;
}

/** The looks of models; of those with one method and variant, all but the first have another marker. */
function distinctLooks(models: readonly ComparisonRow[]): SeriesLook[] {
  const own = models.map((model) => modelLook(model));
  const taken = new Set(own.map(({ marker }) => marker));
  return models.map((model, index) => {
    const look = { ...own[index], label: comparedLabel(model) };
    if (own.findIndex(({ label }) => label === own[index].label) === index) return look;
    const marker = markers.find((each) => !taken.has(each)) ?? look.marker;
    taken.add(marker);
    return { ...look, marker };
  });
}

/** KL with the interval of what it gains on the first method, set at its own number. */
function klPoint(row: ComparisonRow, rows: readonly ComparisonRow[], x: number): CurvePoint {
  const first = compressed(rows).find(({ text }) => text === row.text)!;
  const end = (ratio: number | undefined) => ratio === undefined ? null : first.kl * (1 + ratio);
  const { klAgainstFirst: interval } = row;
  return { x, y: row.kl, low: end(interval?.low), high: end(interval?.high) };
}

function perplexityPoint(
  { perplexity, againstFine, text }: ComparisonRow,
  rows: readonly ComparisonRow[],
  x: number,
): CurvePoint {
  const fine = rows.find((row) => row.text === text && row.method === "fine")!;
  const percent = (ratio: number | undefined) => ratio === undefined ? null : 100 * ratio;
  return {
    x,
    y: 100 * (againstFine?.value ?? perplexity / fine.perplexity - 1),
    low: percent(againstFine?.low),
    high: percent(againstFine?.high),
  };
}

function axisOf(points: readonly CurvePoint[]): AxisScale {
  const ends = points.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y, 0]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const air = margin * extentOf(low, high);
  // Markers of a model that is the fine-tune itself are not cut by the axis.
  const isAtZero = points.some(({ y }) => y === 0);
  const range = [
    low - (low < 0 || isAtZero ? air : 0),
    high + (high > 0 || isAtZero ? air : 0),
  ] as const;
  return { type: "linear", range, ticks: linearTicks(range) };
}

function shift(index: number, count: number): number {
  return count === 1 ? 0 : aside * (2 * index / (count - 1) - 1);
}
