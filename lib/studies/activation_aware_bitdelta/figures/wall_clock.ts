/**
 * Figure 1: wall clock of a calibration against its batch size.
 */

import type { Attributes, Figure } from "../../../figures/figure.ts";
import type { WallClockRow } from "../rows.ts";
import { figureFrame, type FigureOptions, type Theme } from "../../../figures/theme.ts";
import { type AxisScale, logTicks } from "../../../figures/axis.ts";
import { directLabels } from "../../../figures/direct_labels.ts";
import { crosses, type Missing } from "../../../figures/crosses.ts";
import { legendGroups, type ModelSeries, modelSeries } from "../../../figures/models.ts";
import type { Legend } from "../../../figures/legend.ts";
import { arrangePanels, type PlacedPanel } from "../../../figures/panels.ts";
import { curve, type CurvePoint } from "../../../figures/series.ts";

/** Free space at the ends of the x axis in octaves, wider for words; at the y axis' as a factor. */
const margin = { octaves: 0.35, words: 0.65, factor: 1.25 };

/** Share of a panel's height that crosses take with their words. */
const said = 0.4;

/** What is said below the crosses. */
const outOfMemory = ["out of", "memory"];

/** Share of a page's width that our panel takes. */
const ourShare = 0.6;

/**
 * Seconds against batch size, both axes logarithmic: a method that costs the same per batch of any
 * size is flat. The axis says how many steps of distillation were timed. A batch size that ran out of memory
 * is marked at the top of its panel.
 *
 * @param rows ours, of one pair
 * @param published the study's, of its own pair
 * @throws {ReportError} if there are no rows, rows of several pairs, or two rows for one point.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import {
 *   publishedWallClockRows,
 *   readPublishedNumbers,
 *   wallClockFigure,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedWallClockRows(published);
 * assert.ok(wallClockFigure(rows, rows).data.length > 0);
 * ```
 */
export function wallClockFigure(
  rows: readonly WallClockRow[],
  published: readonly WallClockRow[],
  options: FigureOptions = {},
): Figure {
  const frame = figureFrame(options);
  const ours = content(rows, "rows");
  const contents = [
    {
      ...ours,
      ...titlesOf(rows),
      title: "Measured here",
      subtitle: `${ours.pair}; lower is better`,
      share: ourShare,
    },
    ...frame.panels === "all" ? [publishedContent(published)] : [],
  ];
  const bare = arrangePanels(contents, [], frame);
  const failures = contents.map(({ series }, index) =>
    crosses(failuresOf(series), outOfMemory, bare.panels[index], frame.theme)
  );
  const labels = contents.map(({ series }, index) =>
    directLabels(
      series.map(({ look, rows }) => ({ points: pointsOf(rows), label: look.label })),
      bare.panels[index],
      frame.theme,
      failures[index].boxes,
    )
  );
  // The legend is of ours; what was published is always named beside its lines.
  const [{ isClear }] = labels;
  const groups = legendGroups(ours.series);
  const { layout, legend } = isClear ? bare : arrangePanels(contents, groups, frame);
  return {
    data: contents.flatMap((one, index) =>
      traces(one, bare.panels[index], frame.theme, isClear || index > 0 ? undefined : legend)
    ),
    layout: {
      ...layout,
      annotations: [
        ...layout.annotations as Attributes[],
        ...labels.flatMap(({ annotations }, index) => isClear || index > 0 ? annotations : []),
        ...failures.flatMap(({ annotations }) => annotations),
      ],
    },
  };
}

function publishedContent(rows: readonly WallClockRow[]) {
  const theirs = content(rows, "published");
  return {
    ...theirs,
    ...titlesOf(rows),
    title: "Published",
    subtitle: theirs.pair,
    published: true,
    share: 1 - ourShare,
  };
}

/** Titles of the axes; seconds are those of so many steps, where all distillations took as many. */
function titlesOf(rows: readonly WallClockRow[]) {
  const counts = new Set(rows.flatMap(({ steps }) => steps ?? []));
  const [steps] = counts;
  const distilled = `, ${steps} step${steps === 1 ? "" : "s"} of distillation`;
  return {
    xTitle: "Batch size",
    yTitle: `Wall clock (s)${counts.size === 1 ? distilled : ""}`,
  };
}

/** The series of one panel, with the axes that they need. */
interface Content {
  readonly pair: string;
  readonly x: AxisScale;
  readonly y: AxisScale;
  readonly series: readonly ModelSeries<WallClockRow>[];
}

function content(rows: readonly WallClockRow[], option: string): Content {
  const series = modelSeries(rows, ({ batchSize }) => batchSize, option);
  const sizes = [...new Set(rows.map(({ batchSize }) => batchSize))].sort((a, b) => a - b);
  const reached = rows.flatMap(({ seconds, low, high }) => [seconds, low, high])
    .filter((value) => value !== null);
  const failed = new Set(
    rows.flatMap(({ seconds, batchSize }) => seconds === null ? batchSize : []),
  );
  const right = failed.size > 0 ? margin.words : margin.octaves;
  const left = failed.has(sizes[0]) ? margin.words : margin.octaves;
  // Where nothing came to its end there are no seconds to show, but crosses need an axis to stand at.
  const ends = reached.length > 0 ? [Math.min(...reached), Math.max(...reached)] : [1, 10];
  const least = ends[0] / margin.factor;
  // What stands below words keeps clear of them.
  const below = rows.filter(({ batchSize }) => failed.has(batchSize))
    .map(({ seconds, high }) => least * ((high ?? seconds ?? least) / least) ** (1 / (1 - said)));
  const yRange = [least, Math.max(ends[1] * margin.factor, ...below)] as const;
  return {
    pair: rows[0].pair,
    x: {
      type: "log",
      range: [sizes[0] / 2 ** left, sizes.at(-1)! * 2 ** right],
      ticks: { values: sizes, texts: sizes.map(String) },
    },
    y: { type: "log", range: yRange, ticks: logTicks(yRange) },
    series,
  };
}

/** The points that have no seconds. */
function failuresOf(series: readonly ModelSeries<WallClockRow>[]): Missing[] {
  return series.flatMap(({ look, rows }) =>
    rows.filter(({ seconds }) => seconds === null)
      .map(({ batchSize }) => ({ x: batchSize, colour: look.colour }))
  );
}

function pointsOf(rows: readonly WallClockRow[]): CurvePoint[] {
  return rows.flatMap(({ batchSize, seconds, low, high }) =>
    seconds === null ? [] : [{ x: batchSize, y: seconds, low, high }]
  );
}

/** Traces of one panel; without a legend, none is named there. */
function traces(
  { series }: Content,
  { axes }: PlacedPanel,
  theme: Theme,
  legend?: Legend,
): Attributes[] {
  return series.map(({ look, rows }, index) => ({
    ...curve(pointsOf(rows), look, {
      axes,
      theme,
      legend: legend?.entries[index] ?? null,
    }),
    // A series that never came to its end is in the legend all the same, for its crosses.
    ...rows.every(({ seconds }) => seconds === null)
      ? { x: rows.map(({ batchSize }) => batchSize), y: rows.map(() => null) }
      : {},
  }));
}
