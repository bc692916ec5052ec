/**
 * Panels of a figure and the legend below them, as plotly's layout. Draws no data.
 */

import type { Attributes, Figure } from "./figure.ts";
import { fontStack, ink } from "./style.ts";
import type { FigureFrame, Theme } from "./theme.ts";
import { type AxisScale, plotlyValue, shareOf, thinned } from "./axis.ts";
import { type Legend, legendBelow } from "./legend.ts";
import { gaps, type Panel, type PanelPlace, placePanels } from "./panel_geometry.ts";
import { lineHeight, plotlyText, widthOf } from "./text_lines.ts";

/** Plotly's names of a panel's axes, as traces refer to them. */
export type PanelAxes = { readonly xaxis: string; readonly yaxis: string };

/** A panel with its place in the figure. */
export interface PlacedPanel extends Pick<Panel, "x" | "y">, Pick<PanelPlace, "width" | "height"> {
  readonly axes: PanelAxes;
}

/** A figure without its data. */
export interface Arrangement {
  readonly layout: Figure["layout"];
  readonly panels: readonly PlacedPanel[];
  readonly legend: Legend;
}

/** Free ems between the texts of an axis' marks, beside and above each other. */
const apart = { beside: 0.5, above: 0.1 };

/**
 * Lays out panels and the legend of all series.
 *
 * @param groups labels of the legend's entries, those that belong together
 */
export function arrangePanels(
  panels: readonly Panel[],
  groups: readonly (readonly string[])[],
  frame: FigureFrame,
): Arrangement {
  const { theme } = frame;
  const { places, height } = placePanels(panels, frame);
  const legend = legendBelow(groups, frame);
  const size = { width: frame.width, height: height + legend.height };
  const axes = panels.flatMap((panel, index) => {
    const place = places[index];
    const { xaxis, yaxis } = axesOf(index);
    return [
      [xaxis.replace("x", "xaxis"), {
        ...axis(panel.x, place.isMarked ? place.xTitle : [], theme),
        // The line of an axis that ends before its panel is a shape.
        showline: !isNumber(panel.apart),
        anchor: yaxis,
        domain: [place.left / size.width, (place.left + place.width) / size.width],
        ticktext: marksOf(panel, place, theme),
      }],
      [yaxis.replace("y", "yaxis"), {
        ...axis(panel.y, place.yTitle, theme),
        anchor: xaxis,
        domain: [1 - (place.top + place.height) / size.height, 1 - place.top / size.height],
        ticktext: thinned(panel.y, place.height, () => theme.body, apart.above * theme.body).texts,
      }],
    ];
  });
  return {
    layout: {
      ...size,
      margin: { l: 0, r: 0, t: 0, b: 0, pad: 0, autoexpand: false },
      font: { family: fontStack, size: theme.body, color: ink.text },
      paper_bgcolor: "white",
      plot_bgcolor: "rgba(0,0,0,0)",
      ...Object.fromEntries(axes),
      shapes: panels.flatMap(({ published, apart }, index) => [
        ...published ? [ground(axesOf(index))] : [],
        ...isNumber(apart) ? [shortLine(apart, axesOf(index), theme)] : [],
      ]),
      annotations: places.flatMap((place, index) => [
        ...headings(place, axesOf(index), theme),
        ...endsText(panels[index], place, axesOf(index), theme),
      ]),
      showlegend: groups.length > 0,
      ...groups.length > 0 ? { legend: legend.attributes } : {},
    },
    panels: panels.map(({ x, y }, index) => ({
      x,
      y,
      axes: axesOf(index),
      width: places[index].width,
      height: places[index].height,
    })),
    legend,
  };
}

/** Texts of the x axis' marks, as plotly takes them. */
function marksOf({ x, hasNames }: Panel, place: PanelPlace, { body }: Theme): readonly string[] {
  if (!place.isMarked) return x.ticks.texts.map(() => "");
  if (hasNames) return place.names.map(plotlyText);
  const width = (text: string) => widthOf(text, { size: body });
  return thinned(x, place.width, width, apart.beside * body).texts;
}

function axesOf(index: number): PanelAxes {
  const number = index === 0 ? "" : String(index + 1);
  return { xaxis: `x${number}`, yaxis: `y${number}` };
}

function axis(scale: AxisScale, title: readonly string[], theme: Theme): Attributes {
  return {
    showline: true,
    linecolor: ink.axis,
    linewidth: theme.axis,
    ticks: "outside",
    ticklen: theme.tick,
    tickwidth: theme.axis,
    tickcolor: ink.axis,
    gridcolor: ink.grid,
    gridwidth: theme.axis,
    zeroline: false,
    type: scale.type,
    range: scale.range.map((end) => plotlyValue(scale, end)),
    tickvals: scale.ticks.values,
    tickangle: 0,
    title: { text: plotlyText(title), standoff: gaps.standoff, font: { size: theme.body } },
  };
}

function ground({ xaxis, yaxis }: PanelAxes): Attributes {
  return {
    type: "rect",
    xref: `${xaxis} domain`,
    yref: `${yaxis} domain`,
    x0: 0,
    x1: 1,
    y0: 0,
    y1: 1,
    layer: "below",
    line: { width: 0 },
    fillcolor: ink.published,
  };
}

const isNumber = (value: number | null | undefined): value is number => typeof value === "number";

/** The line of an x axis that ends before its panel does. */
function shortLine(apart: number, { xaxis, yaxis }: PanelAxes, { axis }: Theme): Attributes {
  return {
    type: "line",
    xref: `${xaxis} domain`,
    yref: `${yaxis} domain`,
    x0: 0,
    x1: apart,
    y0: 0,
    y1: 0,
    line: { color: ink.axis, width: axis },
  };
}

/** What stands beyond the end of a short x axis, beside its numbers: the ends there are for any. */
const anyX = "any";

/** Ems between a mark and its number in plotly.js, less what it puts above the words of annotations. */
const aboveNumbers = 0.19;

function endsText(
  { apart }: Panel,
  { isMarked }: PanelPlace,
  { xaxis, yaxis }: PanelAxes,
  theme: Theme,
): Attributes[] {
  if (!isNumber(apart) || !isMarked) return [];
  return [{
    text: anyX,
    xref: `${xaxis} domain`,
    x: (apart + 1) / 2,
    xanchor: "center",
    yref: `${yaxis} domain`,
    y: 0,
    yanchor: "top",
    // On one line with the numbers, as plotly.js places them.
    yshift: -(theme.tick + aboveNumbers * theme.body),
    showarrow: false,
    borderpad: 0,
  }];
}

/** Title and subtitle of a panel, each a text of its own size. */
function headings(place: PanelPlace, { xaxis, yaxis }: PanelAxes, theme: Theme): Attributes[] {
  const common = {
    xref: `${xaxis} domain`,
    x: 0,
    xanchor: "left",
    yref: `${yaxis} domain`,
    y: 1,
    yanchor: "bottom",
    align: "left",
    showarrow: false,
    borderpad: 0,
  };
  const title = {
    ...common,
    text: `<b>${plotlyText(place.title)}</b>`,
    font: { size: theme.title },
  };
  const above = gaps.headings / 2 + place.lift;
  const aboveSubtitle = place.subtitle.length * lineHeight * theme.body;
  const shifted = { ...title, yshift: above + aboveSubtitle };
  return [
    ...place.title.length > 0 ? [shifted] : [],
    ...place.subtitle.length > 0
      ? [{ ...common, text: plotlyText(place.subtitle), yshift: above }]
      : [],
  ];
}

/** Where a point lies in its panel, in pixels from its top left. */
export function pixelOf(panel: PlacedPanel, x: number, y: number): { x: number; y: number } {
  return {
    x: shareOf(panel.x, x) * panel.width,
    y: (1 - shareOf(panel.y, y)) * panel.height,
  };
}
