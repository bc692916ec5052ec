/**
 * A panel of points that stand exactly where their numbers lie, on logarithmic axes both: what is drawn against a
 * quantity that was measured too, rather than chosen. Draws nothing.
 */

import type { AxisScale } from "./axis.ts";
import { logTicks } from "./axis.ts";
import type { LinePanel } from "./line_panel.ts";
import type { CurvePoint } from "./series.ts";
import type { SeriesLook } from "./style.ts";

/** A series of points, each above zero both ways. */
export interface PointSeries {
  /** Its look. */
  readonly look: SeriesLook;
  /** At least one. */
  readonly points: readonly CurvePoint[];
}

/** Free share of an axis beyond the outermost points. */
const margin = 0.07;

/** Least span of an axis, as a factor: points that all but coincide say no more of themselves than that. */
const leastSpan = 1.5;

/**
 * Arranges series by rising x.
 *
 * @param xs further x that the axis is to hold, so that panels below each other have one axis.
 */
export function pointPanel(series: readonly PointSeries[], xs: readonly number[] = []): LinePanel {
  const points = series.flatMap((each) => each.points);
  return {
    x: logAxis([...points.map(({ x }) => x), ...xs]),
    y: logAxis(
      points.flatMap(({ y, low, high }) => [y, low ?? y, high ?? y].filter((end) => end > 0)),
    ),
    series: series.map(({ look, points }) => ({
      look,
      isLevel: false,
      points: points.toSorted((a, b) => a.x - b.x),
    })),
    apart: null,
    ends: [],
    beyond: { above: [], below: [] },
  };
}

function logAxis(values: readonly number[]): AxisScale {
  const [least, most] = [Math.min(...values), Math.max(...values)].map(Math.log10);
  const missing = Math.max(0, Math.log10(leastSpan) - (most - least)) / 2;
  const air = margin * (most - least + 2 * missing) + missing;
  const range = [10 ** (least - air), 10 ** (most + air)] as const;
  return { type: "log", range, ticks: logTicks(range) };
}
