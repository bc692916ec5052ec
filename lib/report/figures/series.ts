/**
 * The kinds of series in our figures, as plotly traces: a curve of points with intervals, and a
 * reference line with its interval at the end.
 */

import type { Attributes } from "../figure.ts";
import type { SeriesLook } from "../style.ts";

/** One point of a curve; `low` and `high` end its 95 % interval, or are `null`. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** Where a trace stands. */
export interface Placement {
  /** Which panel, as `panelAxes` names it. */
  readonly axes: Attributes;
  /** Whether the legend names the series. */
  readonly inLegend: boolean;
}

const lineWidth = 1.4;
const markerSize = 5.5;

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

function lineThrough(
  points: readonly CurvePoint[],
  look: SeriesLook,
  { axes, inLegend }: Placement,
): Attributes {
  return {
    type: "scatter",
    name: look.label,
    showlegend: inLegend,
    ...axes,
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    line: { color: look.colour, width: lineWidth, dash: look.dash },
    marker: markerOf(look),
    ...errorBars(points, look),
  };
}

/** Open markers are filled with white, so that no line shows through. */
function markerOf({ marker, colour, open }: SeriesLook): Attributes {
  const line = { color: colour, width: open ? 1.2 : 0 };
  return { symbol: marker, size: markerSize, color: open ? "white" : colour, opacity: 1, line };
}

function errorBars(points: readonly CurvePoint[], look: SeriesLook): Attributes {
  if (points.every(({ low }) => low === null)) return {};
  return {
    error_y: {
      type: "data",
      symmetric: false,
      array: points.map(({ y, high }) => high === null ? 0 : high - y),
      arrayminus: points.map(({ y, low }) => low === null ? 0 : y - low),
      color: look.colour,
      thickness: 1,
      width: 2.5,
    },
  };
}
