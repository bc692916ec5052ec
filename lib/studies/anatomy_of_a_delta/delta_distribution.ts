/**
 * How the entries of a delta are distributed: a frequency polygon for each of the seven linear layers of a
 * decoder layer.
 */

import { type Attributes, type Figure, ReportError } from "../../figures/figure.ts";
import { layerKindLooks } from "./layer_kind.ts";
import type { DeltaDensityRow } from "./rows.ts";
import type { SeriesLook } from "../../figures/style.ts";
import { figureFrame, type FigureOptions } from "../../figures/theme.ts";
import { type AxisScale, linearTicks, logTicks } from "../../figures/axis.ts";
import { checkOnePair, type KindSeries, layerKindPanels } from "./layer_kind_panels.ts";
import type { PlacedPanel } from "../../figures/panels.ts";
import { outline, type Placement } from "../../figures/series.ts";

/** How the distribution is drawn. */
export interface DeltaDistributionOptions extends FigureOptions {
  /** A logarithmic density axis, which shows the tails. Default: linear, from zero. */
  readonly logScale?: boolean;
  /** What the bins are of, with its unit. Default: `"Δ"`. */
  readonly quantity?: string;
  /** Whether the standard normal density stands behind: for entries by their own spread. */
  readonly normal?: boolean;
}

/** The look of a distribution that others are held against, lighter than any and behind them. */
const normalLook: SeriesLook = {
  label: "normal",
  colour: "#bdbdbd",
  dash: "solid",
  marker: "circle",
  open: false,
};

/** Points of a curve that looks smooth. */
const CURVE_POINTS = 121;

/** Free share of the density axis above the highest bin, and a factor on a logarithmic one. */
const headroom = { share: 0.06, factor: 1.5 };

/**
 * Density against Δ, one line a kind, attention and MLP in panels with the same axes.
 *
 * @param rows the bins of one pair; those of a kind join without gaps
 * @throws {ReportError} if there are no rows, rows of several pairs, bins that do not join, or a
 * density that cannot be drawn.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import {
 *   Checkpoint,
 *   deltaAnatomy,
 *   deltaDensityRows,
 *   deltaDistributionFigure,
 *   projectPath,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using base = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * using fine = await Checkpoint.open(projectPath("data/checkpoints/llama-assistant"));
 * const layers = await deltaAnatomy(base, fine, { leading: 1 });
 * const rows = deltaDensityRows("a pair", layers);
 * assert.ok(deltaDistributionFigure(rows, { normal: true }).data.length > 0);
 * ```
 */
export function deltaDistributionFigure(
  rows: readonly DeltaDensityRow[],
  { logScale = false, quantity = "Δ", normal = false, ...options }: DeltaDistributionOptions = {},
): Figure {
  checkOnePair(rows);
  const range = [
    Math.min(...rows.map(({ from }) => from)),
    Math.max(...rows.map(({ to }) => to)),
  ] as const;
  const axes = {
    x: { type: "linear", range, ticks: linearTicks(range) } as const,
    y: densityAxis(rows, logScale),
    xTitle: quantity,
    yTitle: "Density",
  };
  const frame = figureFrame(options);
  const { layout, panels, series, further } = layerKindPanels(
    rows,
    axes,
    frame,
    normal ? [normalLook.label] : [],
  );
  const behind = (normal ? panels : []).map((panel, index) => {
    const legend = index === 0 ? further[0] : null;
    return normalCurve(panel, { axes: panel.axes, theme: frame.theme, legend });
  });
  return { layout, data: [...behind, ...series.map((each) => polygon(each, logScale))] };
}

/** exp(−x²/2) / √(2π), as far as the panel reaches. */
function normalCurve({ x, y }: PlacedPanel, placement: Placement): Attributes {
  const [from, to] = x.range;
  const places = Array.from(
    { length: CURVE_POINTS },
    (_, index) => from + (to - from) * index / (CURVE_POINTS - 1),
  );
  const densities = places.map((place) => Math.exp(-place * place / 2) / Math.sqrt(2 * Math.PI));
  const within = densities.map((density) =>
    density >= y.range[0] && density <= y.range[1] ? density : null
  );
  return outline(places, within, normalLook, placement);
}

function densityAxis(rows: readonly DeltaDensityRow[], logScale: boolean): AxisScale {
  const positive = rows.map(({ density }) => density).filter((density) => density > 0);
  const wrong = rows.find(({ density }) => !(density >= 0 && density < Infinity));
  if (wrong || positive.length === 0) {
    throw new ReportError({
      problem: "has no density that can be drawn",
      option: "rows",
      value: wrong?.density ?? 0,
      expected: "finite densities of at least 0, some above",
    });
  }
  const highest = Math.max(...positive);
  if (!logScale) {
    const range = [0, highest * (1 + headroom.share)] as const;
    return { type: "linear", range, ticks: linearTicks(range) };
  }
  const range = [Math.min(...positive) / headroom.factor, highest * headroom.factor] as const;
  return { type: "log", range, ticks: logTicks(range) };
}

/** The frequency polygon: densities at the middles of their bins, joined; steps would hide dashes. */
function polygon(
  { kind, rows, placement }: KindSeries<DeltaDensityRow>,
  logScale: boolean,
): Attributes {
  const bins = rows.toSorted((a, b) => a.from - b.from);
  bins.slice(1).forEach(({ from }, index) => {
    if (from === bins[index].to) return;
    throw new ReportError({
      problem: `bins of '${kind}' do not join`,
      option: "rows",
      value: `${bins[index].to} and ${from}`,
      expected: "each bin to begin where the one before it ends",
    });
  });
  // An empty bin has no place on a logarithmic axis: the line ends there and starts again.
  const densities = bins.map(({ density }) => logScale && density === 0 ? null : density);
  const middles = bins.map(({ from, to }) => (from + to) / 2);
  return outline(middles, densities, layerKindLooks[kind], placement);
}
