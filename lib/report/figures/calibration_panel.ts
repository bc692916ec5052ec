/**
 * One panel of Figures 2–5: which rows it shows and where their points lie. Draws nothing.
 */

import type { Domain } from "../../domains/domains.ts";
import { ReportError } from "../report_error.ts";
import type { CalibrationSizeRow, Method } from "../rows.ts";
import { axisRange } from "./axis_range.ts";
import { groupSeries, type Series } from "./group_series.ts";
import type { AxisScale } from "./axis_scale.ts";
import type { CurvePoint } from "./series.ts";
import { linearTicks } from "./ticks.ts";

/** What compressed models are compared with; an axis may leave these out. */
const references: readonly Method[] = ["fine", "initial", "base"];

/**
 * Distances along the x axis in octaves: free space at its ends; between the ends of lines, where
 * their intervals stand; between curves at one calibration size, for the same reason.
 */
const octaves = { margin: 0.35, lines: 0.26, curves: 0.1 };

/** The same two distances in diameters of a marker, which they are at least. */
const markers = { lines: 1.5, curves: 1.1 };

/** A series and where its points are drawn: a curve has several, a line only that of its end. */
export interface PlacedSeries extends Series<CalibrationSizeRow> {
  readonly isCurve: boolean;
  /** Left out by the y axis. */
  readonly offAxis: boolean;
  readonly points: readonly CurvePoint[];
}

/** The content of one panel. */
export interface CalibrationPanel {
  readonly pair: string;
  readonly x: AxisScale;
  readonly y: AxisScale;
  readonly series: readonly PlacedSeries[];
}

/**
 * Arranges the rows of one domain.
 *
 * @param option what to call the rows in errors
 * @param width about how many markers fit beside each other across the panel
 * @throws {ReportError} as `calibrationSizeFigure`.
 */
export function calibrationPanel(
  domain: Domain,
  allRows: readonly CalibrationSizeRow[],
  option: string,
  width: number,
): CalibrationPanel {
  const rows = allRows.filter((row) => row.domain === domain);
  const groups = groupSeries(rows, ({ calibrationSize }) => calibrationSize, option);
  const spans = groups.map((group) => ({ group, ...extent(group.rows) }));
  const isReference = ({ group }: { group: Series<unknown> }) => references.includes(group.method);
  const { range, outside } = axisRange(
    spans.filter((span) => !isReference(span)),
    spans.filter(isReference),
  );
  const sizes = calibrationSizes(domain, rows, option);
  // Octaves across the panel, with those of its margins and of the lines' ends.
  const across = Math.log2(sizes.at(-1)! / sizes[0]) + 2;
  const apart = {
    lines: Math.max(octaves.lines, markers.lines * across / width),
    curves: Math.max(octaves.curves, markers.curves * across / width),
  };
  const firstEnd = sizes.at(-1)! * 2 ** octaves.margin;
  const isCurve = ({ rows }: Series<CalibrationSizeRow>) => rows[0].calibrationSize !== null;
  const offAxis = (group: Series<unknown>) => outside.some((span) => span.group === group);
  const curves = groups.filter(isCurve);
  const lines = groups.filter((group) => !isCurve(group) && !offAxis(group));
  const lineEnd = (index: number) => firstEnd * 2 ** (Math.max(index, 0) * apart.lines);
  const curveShift = (index: number) => 2 ** ((index - (curves.length - 1) / 2) * apart.curves);

  return {
    pair: rows[0].pair,
    x: {
      type: "log",
      range: [
        sizes[0] / 2 ** octaves.margin,
        lineEnd(lines.length - 1) * 2 ** apart.lines,
      ],
      ticks: { values: sizes, texts: sizes.map(String) },
    },
    y: { type: "linear", range, ticks: linearTicks(range) },
    series: groups.map((group) => ({
      ...group,
      isCurve: isCurve(group),
      offAxis: offAxis(group),
      points: group.rows.map(({ calibrationSize, perplexity, low, high }) => ({
        x: calibrationSize === null
          ? lineEnd(lines.indexOf(group))
          : calibrationSize * curveShift(curves.indexOf(group)),
        y: perplexity,
        low,
        high,
      })),
    })),
  };
}

/** Everything that the values and intervals of a series reach. */
function extent(rows: readonly CalibrationSizeRow[]): { low: number; high: number } {
  return {
    low: Math.min(...rows.map(({ perplexity, low }) => low ?? perplexity)),
    high: Math.max(...rows.map(({ perplexity, high }) => high ?? perplexity)),
  };
}

function calibrationSizes(
  domain: Domain,
  rows: readonly CalibrationSizeRow[],
  option: string,
): number[] {
  const sizes = new Set(rows.flatMap(({ calibrationSize }) => calibrationSize ?? []));
  if (sizes.size > 0) return [...sizes].sort((a, b) => a - b);
  throw new ReportError({
    problem: `no row of domain '${domain}' has a calibration size`,
    option,
    value: `${rows.length} rows without`,
    expected: "at least one row of a method that is calibrated",
  });
}
