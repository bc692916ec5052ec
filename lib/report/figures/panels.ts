/**
 * Two panels side by side across a page: ours on the left; published numbers on the right, on a
 * tinted ground, so that nobody takes one for the other. Draws no data.
 */

import type { Attributes, Figure } from "../figure.ts";
import { linearTicks, logTicks } from "./ticks.ts";
import { fontFamily, ink, paperWidth, pixels, textSize } from "../style.ts";

/** What stands around the data of one panel. */
export interface Panel {
  /** In bold: whose numbers these are. */
  readonly title: string;
  /** Below it: the pair they were measured on. */
  readonly subtitle: string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** Values named on the x axis, which is logarithmic. */
  readonly xTicks: readonly number[];
  /** Ends of the axes, in data units. */
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
  readonly yType: "linear" | "log";
}

/** Shares of the width: ours has more series and intervals. */
const domains = { ours: [0, 0.56], published: [0.655, 1] } as const;

/** Heights in millimetres: of the panels, of what stands above and below them, and of a legend's row. */
const heights = { panel: 46, titles: 10, axis: 10.5, legendRow: 4 };

/** Margins beside the panels, in millimetres: the left one holds the y axis' numbers and title. */
const sides = { left: 12, right: 1.5 };

/** Which axes of the figure belong to a panel: plotly's names for them in traces. */
export const panelAxes = {
  ours: { xaxis: "x", yaxis: "y" },
  published: { xaxis: "x2", yaxis: "y2" },
} as const;

/**
 * Columns of the legend below both panels: two for few entries. An entry's text is so wide, in
 * millimetres, that no further column fits.
 */
const legendColumns = (entries: number) =>
  entries <= 4 ? { columns: 2, entryWidth: 48 } : { columns: 3, entryWidth: 40 };

/** The layout of a page-wide figure of two panels, with a legend of so many entries below. */
export function twoPanels(ours: Panel, published: Panel, legendEntries: number): Figure["layout"] {
  const { columns, entryWidth } = legendColumns(legendEntries);
  const legendRows = Math.ceil(legendEntries / columns);
  const below = heights.axis + legendRows * heights.legendRow;
  const body = { family: fontFamily, size: textSize.body, color: ink.text };
  return {
    width: pixels(paperWidth.double),
    height: pixels(heights.titles + heights.panel + below),
    margin: {
      l: pixels(sides.left),
      r: pixels(sides.right),
      t: pixels(heights.titles),
      b: pixels(below),
    },
    font: body,
    paper_bgcolor: "white",
    plot_bgcolor: "rgba(0,0,0,0)",
    xaxis: xAxis(ours, { domain: domains.ours, anchor: "y" }),
    yaxis: yAxis(ours, { anchor: "x" }),
    xaxis2: xAxis(published, { domain: domains.published, anchor: "y2" }),
    yaxis2: yAxis(published, { anchor: "x2" }),
    shapes: [publishedGround],
    annotations: [heading(ours, domains.ours[0]), heading(published, domains.published[0])],
    legend: {
      orientation: "h",
      x: 0.5,
      xanchor: "center",
      y: -heights.axis / heights.panel,
      yanchor: "top",
      entrywidth: pixels(entryWidth),
      entrywidthmode: "pixels",
      itemsizing: "trace",
      font: body,
      bgcolor: "rgba(0,0,0,0)",
    },
  };
}

const axisLook: Attributes = {
  showline: true,
  linecolor: ink.axis,
  linewidth: 0.75,
  ticks: "outside",
  ticklen: 3,
  tickwidth: 0.75,
  tickcolor: ink.axis,
  gridcolor: ink.grid,
  gridwidth: 0.75,
  zeroline: false,
};

const axisTitle = (text: string, standoff: number) => ({
  text,
  standoff,
  font: { size: textSize.body },
});

/** The span of a logarithmic axis as plotly wants it: in powers of ten. */
const powersOfTen = (range: readonly [number, number]) => range.map(Math.log10);

function xAxis(panel: Panel, place: Attributes): Attributes {
  return {
    ...axisLook,
    ...place,
    type: "log",
    range: powersOfTen(panel.xRange),
    tickvals: panel.xTicks,
    ticktext: panel.xTicks.map(String),
    title: axisTitle(panel.xTitle, 5),
  };
}

function yAxis(panel: Panel, place: Attributes): Attributes {
  const log = panel.yType === "log";
  const { values, texts } = log ? logTicks(panel.yRange) : linearTicks(panel.yRange);
  return {
    ...axisLook,
    ...place,
    type: panel.yType,
    range: log ? powersOfTen(panel.yRange) : panel.yRange,
    tickvals: values,
    ticktext: texts,
    title: axisTitle(panel.yTitle, 5),
  };
}

const publishedGround: Attributes = {
  type: "rect",
  xref: "x2 domain",
  yref: "y2 domain",
  x0: 0,
  x1: 1,
  y0: 0,
  y1: 1,
  layer: "below",
  line: { width: 0 },
  fillcolor: ink.published,
};

function heading({ title, subtitle }: Panel, left: number): Attributes {
  return {
    text: `<b>${title}</b><br>${subtitle}`,
    font: { size: textSize.title },
    xref: "paper",
    x: left,
    xanchor: "left",
    yref: "paper",
    y: 1,
    yanchor: "bottom",
    yshift: 2,
    align: "left",
    showarrow: false,
    borderpad: 0,
  };
}
