/**
 * Figure 1: wall clock of a calibration against its batch size.
 */

import type { Attributes, Figure } from "../figure.ts";
import type { WallClockRow } from "../rows.ts";
import { seriesLook } from "../style.ts";
import { directLabels } from "./direct_labels.ts";
import { groupSeries, type Series } from "./group_series.ts";
import { panelAxes, twoPanels } from "./panels.ts";
import { curve, type CurvePoint, type Placement } from "./series.ts";

/** Free space at the ends of the x axis in octaves, wider for words; at the y axis' as a factor. */
const margin = { octaves: 0.35, words: 0.65, factor: 1.25 };

/**
 * Seconds against batch size, both axes logarithmic: a method that costs the same per batch of any
 * size is flat. A batch size that ran out of memory is marked at the top of its panel.
 *
 * @param rows ours, of one pair
 * @param published the study's, of its own pair
 * @throws {ReportError} if there are no rows, rows of several pairs, or two rows for one point.
 */
export function wallClockFigure(
  rows: readonly WallClockRow[],
  published: readonly WallClockRow[],
): Figure {
  const ours = arrange(rows, "rows");
  const theirs = arrange(published, "published");
  const xTitle = "Batch size";
  const yTitle = "Wall clock (s)";
  const yType = "log";
  const layout = twoPanels(
    { ...ours, title: "Measured here", subtitle: ours.pair, xTitle, yTitle, yType },
    { ...theirs, title: "Published", subtitle: theirs.pair, xTitle, yTitle, yType },
    ours.series.length,
  );
  const labels = directLabels(
    theirs.series.map(({ method, variant, rows }) => ({
      points: pointsOf(rows),
      label: seriesLook(method, variant).label,
    })),
    panelAxes.published,
    yType,
  );
  return {
    data: [
      ...traces(ours, { axes: panelAxes.ours, inLegend: true }),
      ...traces(theirs, { axes: panelAxes.published, inLegend: false }),
    ],
    layout: {
      ...layout,
      annotations: [
        ...layout.annotations as Attributes[],
        ...labels,
        ...outOfMemory(ours, panelAxes.ours),
        ...outOfMemory(theirs, panelAxes.published),
      ],
    },
  };
}

/** The rows of one panel, with the axes that they need. */
interface Arrangement {
  readonly pair: string;
  readonly xTicks: readonly number[];
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
  readonly series: readonly Series<WallClockRow>[];
}

function arrange(rows: readonly WallClockRow[], option: string): Arrangement {
  const series = groupSeries(rows, ({ batchSize }) => batchSize, option);
  const sizes = [...new Set(rows.map(({ batchSize }) => batchSize))].sort((a, b) => a - b);
  const reached = rows.flatMap(({ seconds, low, high }) => [seconds, low, high])
    .filter((value) => value !== null);
  const right = rows.some(({ seconds }) => seconds === null) ? margin.words : margin.octaves;
  return {
    pair: rows[0].pair,
    xTicks: sizes,
    xRange: [sizes[0] / 2 ** margin.octaves, sizes.at(-1)! * 2 ** right],
    yRange: [Math.min(...reached) / margin.factor, Math.max(...reached) * margin.factor],
    series,
  };
}

function pointsOf(rows: readonly WallClockRow[]): CurvePoint[] {
  return rows.flatMap(({ batchSize, seconds, low, high }) =>
    seconds === null ? [] : [{ x: batchSize, y: seconds, low, high }]
  );
}

function traces({ series }: Arrangement, placement: Placement): Attributes[] {
  return series.map(({ method, variant, rows }) =>
    curve(pointsOf(rows), seriesLook(method, variant), placement)
  );
}

/** A cross and words at the top of the panel for each row that ran out of memory. */
function outOfMemory(
  { series }: Arrangement,
  axes: (typeof panelAxes)[keyof typeof panelAxes],
): Attributes[] {
  const failed = series.flatMap(({ rows }) => rows.filter(({ seconds }) => seconds === null));
  return failed.map(({ method, variant, batchSize }) => ({
    text: `<b><span style="color:${seriesLook(method, variant).colour}">×</span></b>` +
      "<br>out of<br>memory",
    xref: axes.xaxis,
    x: Math.log10(batchSize),
    xanchor: "center",
    yref: `${axes.yaxis} domain`,
    y: 1,
    yanchor: "top",
    showarrow: false,
  }));
}
