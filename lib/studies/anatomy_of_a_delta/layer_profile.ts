/**
 * A quantity of every linear layer against the index of its decoder layer, drawn and in words: norms,
 * entropies, ratios of scales.
 */

import { type Figure, ReportError } from "../../figures/figure.ts";
import { type LayerKind, layerKindLooks } from "./layer_kind.ts";
import type { LayerProfileRow } from "./rows.ts";
import { figureFrame, type FigureOptions, type Theme } from "../../figures/theme.ts";
import { type AxisScale, extentOf, linearTicks, logTicks } from "../../figures/axis.ts";
import { checkOnePair, type KindSeries, layerKindPanels } from "./layer_kind_panels.ts";
import { significant } from "../../util/numbers.ts";
import type { PlacedPanel } from "../../figures/panels.ts";
import { bars, curve, type CurvePoint } from "../../figures/series.ts";

/** How a profile is drawn. */
export interface LayerProfileOptions extends FigureOptions {
  /** Title of the y axis: the quantity with its unit, `"‖Δ‖ / ‖W‖ (%)"`. */
  readonly quantity: string;
  /** A logarithmic y axis. Default: linear. */
  readonly logScale?: boolean;
  /** Bars from zero instead of lines: for models of few layers. Default: lines. */
  readonly bars?: boolean;
}

/** Free space beyond the outermost values: a share of their span, or a factor on a logarithmic axis. */
const margin = { share: 0.06, factor: 1.25 };

/** Layers named on the axis at most: each, else each second, fourth … */
const mostMarks = 9;

/** Half the span of x that the points or bars of one layer take: points stand aside of each other. */
const aside = { points: 0.12, bars: 0.5 };

/**
 * The quantity by layer, one series a kind with intervals where rows have them, attention and MLP in
 * panels with the same axes.
 *
 * @param rows of one pair, one a layer and kind
 * @throws {ReportError} if there are no rows, rows of several pairs, two rows for one point, a value
 * that is not finite, or one not above zero on a logarithmic axis; if bars are to have one.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { layerProfileFigure, layerProfileRows } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const names = [0, 1].map((layer) => `model.layers.${layer}.self_attn.q_proj`);
 * const rows = layerProfileRows("a pair", [[names[0], 0.5], [names[1], 0.25]]);
 * assert.ok(layerProfileFigure(rows, { quantity: "Share" }).data.length > 0);
 * ```
 */
export function layerProfileFigure(
  rows: readonly LayerProfileRow[],
  { quantity, logScale = false, bars: asBars = false, ...options }: LayerProfileOptions,
): Figure {
  checkOnePair(rows);
  if (asBars && logScale) {
    throw new ReportError({
      problem: "a logarithmic axis has no zero for bars to stand on",
      option: "bars",
      value: true,
      expected: "bars or a logarithmic axis, not both",
    });
  }
  const frame = figureFrame(options);
  const axes = {
    x: layerAxis(rows, asBars),
    y: valueAxis(rows, logScale, asBars),
    xTitle: "Layer",
    yTitle: quantity,
  };
  const { layout, series, panels } = layerKindPanels(rows, axes, frame);
  const data = series.map((each) => {
    const look = layerKindLooks[each.kind];
    if (asBars) return bars(points(each, 0), look, each.placement);
    const theme = { ...frame.theme, ...smallMarks(frame.theme, panels[0], axes.x) };
    return curve(points(each, shift(each, series)), look, { ...each.placement, theme });
  });
  return { data, layout: { ...layout, ...(asBars ? { barmode: "group", bargap: 0.25 } : {}) } };
}

/**
 * A quantity of every linear layer in words: where it is largest and where smallest.
 *
 * @param rows of one pair
 * @param digits significant ones of the values
 *
 * @example
 * ```ts
 * import { layerProfileFindings, layerProfileRows } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const names = [0, 1].map((layer) => `model.layers.${layer}.self_attn.q_proj`);
 * const rows = layerProfileRows("a pair", [[names[0], 0.5], [names[1], 0.25]]);
 * assert.match(layerProfileFindings(rows), /q of layer 1/);
 * ```
 */
export function layerProfileFindings(rows: readonly LayerProfileRow[], digits = 3): string {
  const sorted = rows.toSorted((a, b) => a.value - b.value);
  const [least, most] = [sorted[0], sorted[sorted.length - 1]].map(({ layer, kind, value }) =>
    `in ${kind} of layer ${layer} (${significant(value, digits)})`
  );
  return `Largest ${most}, smallest ${least}.`;
}

/** Markers and caps no wider than most of the space between layers, so that many stay apart. */
function smallMarks(theme: Theme, { width }: PlacedPanel, { range }: AxisScale) {
  const between = width / (range[1] - range[0]);
  const marker = Math.min(theme.marker, 0.8 * between);
  return { marker, errorCap: theme.errorCap * marker / theme.marker };
}

function layerAxis(rows: readonly LayerProfileRow[], asBars: boolean): AxisScale {
  const layers = [...new Set(rows.map(({ layer }) => layer))].sort((a, b) => a - b);
  const beside = asBars ? aside.bars : Math.max(0.02 * (layers.at(-1)! - layers[0]), 0.25);
  let step = 1;
  while (layers.length > mostMarks * step) step *= 2;
  const marked = layers.filter((layer) => layer % step === 0);
  return {
    type: "linear",
    range: [layers[0] - beside, layers.at(-1)! + beside],
    ticks: { values: marked, texts: marked.map(String) },
  };
}

function valueAxis(
  rows: readonly LayerProfileRow[],
  logScale: boolean,
  asBars: boolean,
): AxisScale {
  const values = rows.flatMap(({ value, low, high }) => [value, low ?? value, high ?? value]);
  const wrong = values.find((value) => !Number.isFinite(value) || (logScale && value <= 0));
  if (wrong !== undefined) {
    throw new ReportError({
      problem: "has a value that cannot be drawn",
      option: "rows",
      value: wrong,
      expected: logScale ? "finite values above 0 for a logarithmic axis" : "finite values",
    });
  }
  if (asBars) values.push(0);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (logScale) {
    const range = [low / margin.factor, high * margin.factor] as const;
    return { type: "log", range, ticks: logTicks(range) };
  }
  const air = margin.share * extentOf(low, high);
  const range = [
    asBars && low === 0 ? 0 : low - air,
    asBars && high === 0 && low < 0 ? 0 : high + air,
  ] as const;
  return { type: "linear", range, ticks: linearTicks(range) };
}

/** How far right of its layer a series stands, so that intervals do not hide each other. */
function shift(
  { kind, placement }: KindSeries<LayerProfileRow>,
  all: readonly KindSeries<LayerProfileRow>[],
): number {
  const beside = all.filter((each) => each.placement.axes.xaxis === placement.axes.xaxis);
  const withIntervals = beside.some(({ rows }) => rows.some(({ low }) => low !== null));
  if (!withIntervals || beside.length === 1) return 0;
  const place = beside.findIndex((each) => each.kind === kind) / (beside.length - 1);
  return aside.points * (2 * place - 1);
}

function points({ kind, rows }: KindSeries<LayerProfileRow>, right: number): CurvePoint[] {
  const sorted = rows.toSorted((a, b) => a.layer - b.layer);
  sorted.slice(1).forEach(({ layer }, index) => {
    if (layer === sorted[index].layer) throw repeated(kind, layer);
  });
  return sorted.map(({ layer, value, low, high }) => ({ x: layer + right, y: value, low, high }));
}

function repeated(kind: LayerKind, layer: number): ReportError {
  return new ReportError({
    problem: `two rows of '${kind}' for one layer`,
    option: "rows",
    value: layer,
    expected: "one row a layer and kind",
  });
}
