/**
 * Names written beside the lines of a panel, where there are few enough to need no legend: each in
 * the first place that touches no line and no other name.
 */

import type { Attributes } from "./figure.ts";
import type { Theme } from "./theme.ts";
import { pixelOf, type PlacedPanel } from "./panels.ts";
import type { CurvePoint } from "./series.ts";
import { lineHeight, plotlyText, widthOf } from "./text_lines.ts";

/** A series to name, its points by rising x. */
export interface LabelledSeries {
  readonly points: readonly CurvePoint[];
  readonly label: string;
  /** Whether it is a horizontal line through the whole panel, drawn from its last point. */
  readonly isLine?: boolean;
}

/** A box in pixels from a panel's top left. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Where labels may begin, as shares of the width that is free beside them; tried in this order. */
const starts = [0.02, 0.98, 0.5, 0.25, 0.75];

/** Pixels between a label and its line. */
const distance = 2;

/** Points along a line or curve that labels must not cover, in pixels. */
const spacing = 2;

/** The labels of a panel, and whether every series has one that is free of lines, bars, words and edges. */
export interface DirectLabels {
  readonly annotations: readonly Attributes[];
  readonly isClear: boolean;
}

/**
 * One annotation a series, above or below its line; none for a series without points.
 *
 * @param taken places of other words in the panel
 */
export function directLabels(
  all: readonly LabelledSeries[],
  panel: PlacedPanel,
  theme: Theme,
  taken: readonly Rectangle[] = [],
): DirectLabels {
  const series = all.filter(({ points }) => points.length > 0);
  const lines = series.map((one) => traced(one, panel));
  const drawn = [...lines.flat(), ...series.flatMap((one) => bars(one, panel))];
  const boxes = [...taken];
  let isClear = series.length === all.length;
  const annotations = series.map(({ label }, index) => {
    const size = { width: widthOf(label, { size: theme.body }), height: lineHeight * theme.body };
    const placesAt = (start: number) => beside(lines[index], start, size, panel, theme);
    const usual = starts.flatMap(placesAt);
    // Of a point alone a short name may begin at none of them.
    const places = usual.length > 0 ? usual : placesAt(above(lines[index][0], size, panel));
    const cost = (box: Rectangle) =>
      boxes.filter((other) => overlap(box, other)).length * spacing * panel.width +
      drawn.filter((point) => within(point, box)).length + outside(box, panel);
    const best = places.reduce((a, b) => cost(b) < cost(a) ? b : a);
    isClear &&= cost(best) === 0;
    boxes.push(best);
    return annotation(label, best, panel);
  });
  return { annotations, isClear };
}

/** The share of the free width at which a label begins that has a point in its middle, or reaches it. */
function above({ x }: Point, { width }: { width: number }, panel: PlacedPanel): number {
  const free = panel.width - width;
  return Math.min(1, Math.max(0, (x - width / 2) / free));
}

/** The places above and below a line where a label of this size begins at a share of the free width. */
function beside(
  line: readonly Point[],
  start: number,
  { width, height }: { width: number; height: number },
  panel: PlacedPanel,
  theme: Theme,
): Rectangle[] {
  const left = start * (panel.width - width);
  const near = line.filter(({ x }) => x >= left - spacing && x <= left + width + spacing);
  if (near.length === 0) return [];
  const clear = theme.marker / 2 + distance;
  const bottom = Math.min(...near.map(({ y }) => y)) - clear;
  const top = Math.max(...near.map(({ y }) => y)) + clear;
  const span = { left, right: left + width };
  return [{ ...span, top: bottom - height, bottom }, { ...span, top, bottom: top + height }];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Points every few pixels along what is drawn of a series. */
function traced({ points, isLine }: LabelledSeries, panel: PlacedPanel): Point[] {
  const ends = points.map(({ x, y }) => pixelOf(panel, x, y));
  const corners = isLine ? [{ x: 0, y: ends[0].y }, ...ends] : ends;
  return corners.slice(0, -1).flatMap((from, index) => {
    const to = corners[index + 1];
    const count = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / spacing));
    return Array.from({ length: count + 1 }, (_, step) => ({
      x: from.x + (to.x - from.x) * step / count,
      y: from.y + (to.y - from.y) * step / count,
    }));
  }).concat(corners.slice(-1));
}

/** Points along the intervals of a series. */
function bars({ points }: LabelledSeries, panel: PlacedPanel): Point[] {
  return points.flatMap(({ x, low, high }) => {
    if (low === null || high === null) return [];
    const [from, to] = [pixelOf(panel, x, high), pixelOf(panel, x, low)];
    const count = Math.ceil((to.y - from.y) / spacing);
    return Array.from({ length: count + 1 }, (_, step) => ({
      x: from.x,
      y: Math.min(from.y + step * spacing, to.y),
    }));
  });
}

const within = ({ x, y }: Point, { left, top, right, bottom }: Rectangle) =>
  x >= left && x <= right && y >= top && y <= bottom;

const overlap = (a: Rectangle, b: Rectangle) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Pixels by which a box leaves its panel. */
function outside({ left, top, right, bottom }: Rectangle, panel: PlacedPanel): number {
  const across = Math.max(0, -left) + Math.max(0, right - panel.width);
  return panelCost * (across + Math.max(0, -top) + Math.max(0, bottom - panel.height));
}

/** A label that leaves its panel is worse than one that lies on a line. */
const panelCost = 1000;

function annotation(label: string, box: Rectangle, panel: PlacedPanel): Attributes {
  return {
    text: plotlyText([label]),
    xref: `${panel.axes.xaxis} domain`,
    x: box.left / panel.width,
    xanchor: "left",
    yref: `${panel.axes.yaxis} domain`,
    y: 1 - (box.top + box.bottom) / 2 / panel.height,
    yanchor: "middle",
    borderpad: 0,
    showarrow: false,
  };
}
