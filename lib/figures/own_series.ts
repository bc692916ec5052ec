/**
 * Numbers of a user's own in the style of our figures: series with intervals against a number, in one
 * panel or several.
 */

import { type Figure, ReportError } from "./figure.ts";
import { seriesLooks } from "./style.ts";
import { figureFrame, type FigureOptions } from "./theme.ts";
import { lineFigure } from "./line_figure.ts";
import { linePanel, type LinePoint } from "./line_panel.ts";
import { aboutWidth } from "./panel_geometry.ts";
import { linearTicks, logTicks } from "./axis.ts";

/** One point of a series. */
export interface SeriesRow {
  /** Name of the series, as a reader is to know it. */
  readonly series: string;
  /** What it is drawn against; `null` for a series of one value that holds for all. */
  readonly x: number | null;
  /** The value. */
  readonly y: number;
  /** Ends of its interval; default: it has none. */
  readonly low?: number | null;
  /** Upper end, like `low`. */
  readonly high?: number | null;
  /** Title of the panel that it stands in; default: all rows share one without a title. */
  readonly panel?: string;
}

/** How series are drawn. */
export interface SeriesFigureOptions extends Omit<FigureOptions, "panels"> {
  /** Title of the x axis, with its unit. */
  readonly xTitle: string;
  /**
   * Title of the y axis, with its unit and which direction is better: `"KL (nats), lower is better"`; or one
   * for each panel, by its title.
   */
  readonly yTitle: string | Readonly<Record<string, string>>;
  /** Stands below the titles of panels. Default: nothing. */
  readonly subtitle?: string;
  /** A logarithmic x axis, with a mark at each x where these are few. Default: linear. */
  readonly logX?: boolean;
  /** A logarithmic y axis. Default: linear. */
  readonly logY?: boolean;
}

/** Values have sizes between this and one by this: far from where floating point ends. */
const largest = 1e100;

/** Marks at each x of a logarithmic axis at most, and characters of one of them. */
const mostMarks = 10;
const longestMark = 6;

/**
 * Series in the order of their first rows, each with a colour, dash and marker of its own: eight at most.
 * Points are joined by rising x; a series without an x is a level line, its interval apart at the right.
 * Names stand beside the lines where all find room, else in a legend.
 *
 * @throws {ReportError} if there are no rows, more than eight series, none with an x, two rows for one
 * point, a value that is not finite or nearly so (1e100) or, on a logarithmic axis, not above 0, or an
 * interval that does not hold its value.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { seriesFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [
 *   ...[32, 64, 128].map((x) => ({ series: "ours", x, y: 9 - x / 64, low: 6, high: 9.5 })),
 *   { series: "theirs", x: null, y: 8 },
 * ];
 * const { data } = seriesFigure(rows, { xTitle: "Samples", yTitle: "Perplexity", logX: true });
 * assert.deepEqual(data.map(({ name }) => name), ["ours", "theirs"]);
 * ```
 */
export function seriesFigure(rows: readonly SeriesRow[], options: SeriesFigureOptions): Figure {
  const { xTitle, yTitle, subtitle = "", logX = false, logY = false } = options;
  const frame = figureFrame(options);
  if (rows.length === 0) throw wrong("there is nothing to draw", "no rows", "at least one");
  rows.forEach((row) => checkRow(row, logX, logY));
  const names = [...new Set(rows.map(({ series }) => series))];
  if (names.length > seriesLooks.length) {
    throw wrong("has more series than looks that stay apart", names.length, seriesLooks.length);
  }
  const titles = [...new Set(rows.map(({ panel = "" }) => panel))];
  const panels = titles.map((title) => {
    const here = rows.filter(({ panel = "" }) => panel === title);
    if (here.every(({ x }) => x === null)) {
      throw wrong("has no series with an x in a panel", title, "at least one");
    }
    const series = names.flatMap((name, index) => {
      const points = pointsOf(name, here);
      const look = { ...seriesLooks[index], label: name };
      return points.length > 0 ? [{ look, isReference: false, points }] : [];
    });
    return {
      title,
      subtitle,
      xTitle,
      yTitle: typeof yTitle === "string"
        ? yTitle
        : Object.hasOwn(yTitle, title)
        ? yTitle[title]
        : "",
      share: 1,
      ...linePanel(series, {
        x: logX ? "log" : "linear",
        y: logY ? "log" : "linear",
        ticks: logX ? logarithmicMarks(here) : linearTicks,
        markers: aboutWidth(1 / titles.length, titles.length, frame) / frame.theme.marker,
      }),
    };
  });
  return lineFigure(panels, [names], frame);
}

/** Marks at each x of a logarithmic axis, where these are few and short. */
function logarithmicMarks(rows: readonly SeriesRow[]): typeof logTicks | undefined {
  const xs = new Set(rows.map(({ x }) => x));
  const isShort = [...xs].every((x) => String(x).length <= longestMark);
  return xs.size <= mostMarks && isShort ? undefined : logTicks;
}

/** The points of a series by rising x. */
function pointsOf(name: string, rows: readonly SeriesRow[]): LinePoint[] {
  const own = rows.filter(({ series }) => series === name)
    .map(({ x, y, low = null, high = null }): LinePoint => ({ x, y, low, high }))
    .sort((a, b) => (a.x ?? 0) - (b.x ?? 0));
  own.slice(1).forEach(({ x }, index) => {
    const before = own[index].x;
    if (x === before || x === null || before === null) {
      throw wrong(`has two rows of '${name}' for one point`, x, "one row a point");
    }
  });
  return own;
}

function checkRow(
  { series, x, y, low = null, high = null }: SeriesRow,
  logX: boolean,
  logY: boolean,
) {
  const isFit = (value: number | null, isLog: boolean) =>
    value === null || value === 0 && !isLog ||
    (!isLog || value > 0) && Math.abs(value) > 1 / largest && Math.abs(value) < largest;
  const unfit = [x].find((value) => !isFit(value, logX)) ??
    [y, low, high].find((value) => !isFit(value, logY));
  if (unfit !== undefined) {
    throw wrong(
      `has a value of '${series}' that cannot be drawn`,
      unfit,
      `0, or sizes from ${1 / largest} to ${largest}; above 0 on a logarithmic axis`,
    );
  }
  if ((low === null) === (high === null) && (low ?? y) <= y && y <= (high ?? y)) return;
  throw wrong(
    `has an interval of '${series}' that does not hold its value`,
    [low, y, high],
    "low ≤ y ≤ high",
  );
}

function wrong(problem: string, value: unknown, expected: unknown): ReportError {
  return new ReportError({ problem, option: "rows", value, expected: String(expected) });
}
