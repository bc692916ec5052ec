/**
 * The kinds of series in our figures, as plotly traces: a curve of points with intervals, a
 * reference line with its interval at the end, bars, and a line without markers.
 */

import type { Attributes } from "./figure.ts";
import { dashPattern, ink, type SeriesLook } from "./style.ts";
import type { Theme } from "./theme.ts";
import type { LegendEntry } from "./legend.ts";
import type { PanelAxes } from "./panels.ts";

/** One point of a curve; `low` and `high` end its interval, or are `null`. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Where and how a trace is drawn. */
export interface Placement {
  readonly axes: PanelAxes;
  readonly theme: Theme;
  /** Its entry in the legend; `null` for a series that is not named there. */
  readonly legend: LegendEntry | null;
}

/** A line through points, each with a marker and its interval as an error bar. */
export function curve(
  points: readonly CurvePoint[],
  look: SeriesLook,
  placement: Placement,
): Attributes {
  return { ...lineThrough(points, look, placement), mode: "lines+markers" };
}

/**
 * A horizontal line that enters the panel at its left and ends at `end.x` with the value's marker
 * and error bar; without those where there is no interval.
 *
 * @param outside an x left of the panel, where the line's other end goes unseen
 */
export function reference(
  outside: number,
  end: CurvePoint,
  look: SeriesLook,
  placement: Placement,
): Attributes {
  const mode = end.low === null ? "lines" : "lines+markers";
  return { ...lineThrough([{ ...end, x: outside }, end], look, placement), mode };
}

/** A line without markers; it stops where a value is `null`. */
export function outline(
  x: readonly number[],
  y: readonly (number | null)[],
  look: SeriesLook,
  placement: Placement,
): Attributes {
  const { theme } = placement;
  return {
    type: "scatter",
    ...named(look, placement),
    mode: "lines",
    x,
    y,
    line: { color: look.colour, width: theme.line, dash: dashPattern(look.dash, theme.line) },
  };
}

/** Bars from zero, one a point, beside those of other series at the same x. */
export function bars(
  points: readonly CurvePoint[],
  look: SeriesLook,
  placement: Placement,
): Attributes {
  return {
    type: "bar",
    ...named(look, placement),
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    // Outlined, so that bars of light and dark colours are parted in grey too.
    marker: { color: look.colour, line: { color: "white", width: 0.5 } },
    ...errorBars(points, placement.theme, ink.text),
  };
}

function named(look: SeriesLook, { axes, legend }: Placement): Attributes {
  if (!legend) return { name: look.label, showlegend: false, ...axes };
  return { name: legend.name, showlegend: true, legendrank: legend.rank, ...axes };
}

function lineThrough(
  points: readonly CurvePoint[],
  look: SeriesLook,
  placement: Placement,
): Attributes {
  const { theme } = placement;
  return {
    type: "scatter",
    ...named(look, placement),
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    line: { color: look.colour, width: theme.line, dash: dashPattern(look.dash, theme.line) },
    marker: markerOf(look, theme),
    ...errorBars(points, theme, look.colour),
  };
}

/** Open markers are filled with white, so that no line shows through. */
function markerOf({ marker, colour, open }: SeriesLook, theme: Theme): Attributes {
  const line = { color: colour, width: open ? theme.markerOutline : 0 };
  return { symbol: marker, size: theme.marker, color: open ? "white" : colour, opacity: 1, line };
}

function errorBars(
  points: readonly CurvePoint[],
  theme: Theme,
  colour: string,
): Attributes {
  if (points.every(({ low }) => low === null)) return {};
  return {
    error_y: {
      type: "data",
      symmetric: false,
      array: points.map(({ y, high }) => high === null ? 0 : high - y),
      arrayminus: points.map(({ y, low }) => low === null ? 0 : y - low),
      color: colour,
      thickness: theme.errorBar,
      width: theme.errorCap,
    },
  };
}
