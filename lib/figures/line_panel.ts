/**
 * One panel of lines: which series it shows, where their points lie and where its axes end. Draws nothing.
 */

import type { SeriesLook } from "./style.ts";
import { axisRange, type AxisScale, linearTicks, logTicks, type Ticks } from "./axis.ts";
import type { CurvePoint } from "./series.ts";

/** One number of a series; its x is `null` where it holds for all. */
export interface LinePoint {
  readonly x: number | null;
  readonly y: number;
  readonly low: number | null;
  readonly high: number | null;
}

/** A series: several points with an x by rising x, or one without, a level line. */
export interface LineSeries {
  readonly look: SeriesLook;
  /** What others are held against: an axis may leave it out. */
  readonly isReference: boolean;
  readonly points: readonly LinePoint[];
}

/** The scales of a panel's axes, and about how many markers fit beside each other across it. */
export interface LineAxes {
  readonly x: "linear" | "log";
  readonly y: "linear" | "log";
  /** Marks of the x axis; default: each x that has a point. */
  readonly ticks?: (range: readonly [number, number]) => Ticks;
  readonly markers: number;
  /** Names of level lines that have a place at the end; default: those of this panel that need one. */
  readonly ends?: readonly string[];
}

/** A series as it is drawn: a curve has several points, a level line that of its right end. */
export interface PlacedSeries {
  readonly look: SeriesLook;
  readonly isLevel: boolean;
  readonly points: readonly CurvePoint[];
}

/** The content of one panel. */
export interface LinePanel {
  readonly x: AxisScale;
  readonly y: AxisScale;
  readonly series: readonly PlacedSeries[];
  /** Share of the width at which the x axis ends, for the ends of level lines lie apart beyond it. */
  readonly apart: number | null;
  /** Names of the level lines whose intervals stand there. */
  readonly ends: readonly string[];
  /** What the y axis leaves out, with its value: `"base 89.2"`. */
  readonly beyond: { readonly above: readonly string[]; readonly below: readonly string[] };
}

/**
 * Distances along the x axis in octaves, or in quarters of a linear axis: free space at its ends; between
 * the ends of level lines, where their intervals stand; between curves at one x, for the same reason.
 */
const steps = { margin: 0.35, lines: 0.26, curves: 0.1 };

/** The same in diameters of a marker, which they are at least; curves on a linear axis are closer. */
const markers = { edge: 0.7, lines: 1.5, curves: 1.1, linearCurves: 0.5 };

/** Most of the distance between two x that the curves' points of one x take together. */
const mostAside = 0.7;

/** Share of a panel's height that says what lies above or below it. */
const said = 0.17;

/** Arranges series, of which at least one has an x. */
export function linePanel(series: readonly LineSeries[], axes: LineAxes): LinePanel {
  const isLevel = ({ points }: LineSeries) => points[0].x === null;
  const { range, above, below } = valueRange(series, axes.y);
  const drawn = series.filter((one) => !above.includes(one) && !below.includes(one));
  const [curves, levels] = [drawn.filter((one) => !isLevel(one)), drawn.filter(isLevel)];
  const hasBar = ({ points }: LineSeries) => points.some(({ low }) => low !== null);
  const ownEnds = levels.filter(hasBar).map(({ look }) => look.label);
  const ends = axes.ends ?? ownEnds;

  const [along, back] = axes.x === "log" ? [Math.log2, (u: number) => 2 ** u] : [Number, Number];
  const xs = [...new Set(series.flatMap(({ points }) => points.flatMap(({ x }) => x ?? [])))]
    .sort((a, b) => a - b);
  const [first, last] = [along(xs[0]), along(xs[xs.length - 1])];
  const unit = axes.x === "log" ? 1 : (last - first || Math.abs(last) || 1) / 4;
  // Distances are at least some markers wide, and how wide a marker is depends on all of them.
  const least = axes.x === "log" ? steps : { ...steps, lines: 0, curves: 0 };
  const diameters = axes.x === "log" ? markers.curves : markers.linearCurves;
  const gaps = curves.some(hasBar) ? Math.max(curves.length - 1, 0) : 0;
  const nearest = Math.min(...xs.slice(1).map((x, index) => along(x) - along(xs[index]))) / unit;
  const distances = (across: number) => {
    const lines = Math.max(least.lines, markers.lines * across / axes.markers);
    const free = Math.max(least.curves, diameters * across / axes.markers);
    // Points that would come nearer another x than their own stand closer, though they may touch.
    const between = gaps > 0 ? Math.min(free, mostAside * nearest / gaps) : free;
    return {
      lines,
      curves: between,
      margin: Math.max(steps.margin, between * gaps / 2 + markers.edge * across / axes.markers),
    };
  };
  const total = (across: number) => {
    const { lines, curves, margin } = distances(across);
    const apart = ends.length > 0 ? curves + (ends.length + 1) * lines : 0;
    return (last - first) / unit + 2 * margin + apart;
  };
  const { lines, curves: aside, margin } = distances(total(total(total(0))));
  const edge = last + unit * (margin + (ends.length > 0 ? aside : 0));
  const end = (index: number) => edge + unit * lines * (index + 1);
  const right = ends.length > 0 ? end(ends.length) : edge;
  const left = first - unit * margin;
  const shift = (one: LineSeries) => gaps > 0 ? unit * aside * (curves.indexOf(one) - gaps / 2) : 0;
  const xRange = [back(left), back(right)] as const;
  return {
    x: {
      type: axes.x,
      range: xRange,
      ticks: axes.ticks?.([xRange[0], back(edge)]) ?? { values: xs, texts: xs.map(String) },
    },
    y: {
      type: axes.y,
      range,
      ticks: (axes.y === "log" ? logTicks : linearTicks)(range),
    },
    series: drawn.map((one) => ({
      look: one.look,
      isLevel: isLevel(one),
      points: one.points.map(({ x, ...point }) => ({
        ...point,
        x: back(
          x !== null
            ? along(x) + shift(one)
            : hasBar(one)
            ? end(ends.indexOf(one.look.label))
            : right,
        ),
      })),
    })),
    apart: ends.length > 0 ? (edge - left) / (right - left) : null,
    ends: ownEnds,
    beyond: { above: above.map(named), below: below.map(named) },
  };
}

/** The ends of the y axis, with room to say what lies beyond them. */
function valueRange(series: readonly LineSeries[], type: AxisScale["type"]) {
  const [along, back] = type === "log"
    ? [Math.log10, (v: number) => 10 ** v]
    : [Number, (v: number) => v];
  const spans = series.map((one) => ({
    one,
    low: along(Math.min(...one.points.map(({ y, low }) => low ?? y))),
    high: along(Math.max(...one.points.map(({ y, high }) => high ?? y))),
  }));
  const compared = spans.filter(({ one }) => !one.isReference);
  const { range: [low, high], outside } = axisRange(
    compared.length > 0 ? compared : spans,
    compared.length > 0 ? spans.filter(({ one }) => one.isReference) : [],
  );
  // A value on the axis stays there, though its interval may run off it.
  const [above, below] = [
    outside.filter(({ one }) => along(one.points[0].y) > high),
    outside.filter(({ one }) => along(one.points[0].y) < low),
  ].map((spans) => spans.map(({ one }) => one));
  const room = said * (high - low);
  return {
    range: [
      back(below.length > 0 ? low - room : low),
      back(above.length > 0 ? high + room : high),
    ] as const,
    above,
    below,
  };
}

function named({ look, points: [{ y }] }: LineSeries): string {
  return `${look.label} ${Number(y.toPrecision(3)).toLocaleString("en-GB")}`;
}
