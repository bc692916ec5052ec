/**
 * Figures of lines in panels: series with intervals, named beside their lines where there is room for
 * all of their names, else in a legend.
 */

import type { Attributes, Figure } from "./figure.ts";
import type { FigureFrame, Theme } from "./theme.ts";
import { directLabels, type Rectangle } from "./direct_labels.ts";
import type { Legend } from "./legend.ts";
import type { LinePanel } from "./line_panel.ts";
import type { Panel } from "./panel_geometry.ts";
import { arrangePanels, type PlacedPanel } from "./panels.ts";
import { curve, reference } from "./series.ts";
import { lineHeight, plotlyText, widthOf } from "./text_lines.ts";

/** A panel with what stands around it. */
export type FigurePanel = LinePanel & Panel;

/** Pixels between the edge of a panel and what is said at it. */
const inset = 4;

/**
 * Draws panels.
 *
 * @param groups labels as a legend has them, those that belong together; not all need be drawn
 */
export function lineFigure(
  panels: readonly FigurePanel[],
  groups: readonly (readonly string[])[],
  frame: FigureFrame,
): Figure {
  const { theme } = frame;
  const bare = arrangePanels(panels, [], frame);
  const said = panels.map((panel, index) => beyondLabels(panel, bare.panels[index], theme));
  const labels = panels.map(({ series }, index) =>
    directLabels(
      series.map(({ look, isLevel, points }) => ({ label: look.label, points, isLine: isLevel })),
      bare.panels[index],
      theme,
      said[index].boxes,
    )
  );
  // What was published is always named beside its lines: it has few, and the legend is of ours.
  const isNamed = panels.map(({ published }) => published === true);
  const isRoomy = labels.every(({ isClear }, index) => isNamed[index] || isClear);
  const shown = (label: string) =>
    panels.some(({ series }, index) =>
      !isNamed[index] && series.some(({ look }) => look.label === label)
    );
  const entries = groups.map((group) => group.filter(shown)).filter(({ length }) => length > 0);
  const { layout, legend } = isRoomy ? bare : arrangePanels(panels, entries, frame);
  const named = new Set<string>();
  return {
    data: panels.flatMap((panel, index) =>
      panel.series.map(({ look, isLevel, points }) => {
        const inLegend = !isRoomy && !isNamed[index] && !named.has(look.label);
        if (inLegend) named.add(look.label);
        const placement = {
          axes: bare.panels[index].axes,
          theme,
          legend: inLegend ? entryOf(legend, entries.flat().indexOf(look.label)) : null,
        };
        return isLevel
          ? reference(outsideOf(panel), points[0], look, placement)
          : curve(points, look, placement);
      })
    ),
    layout: {
      ...layout,
      annotations: [
        ...layout.annotations as Attributes[],
        ...said.flatMap(({ annotations }) => annotations),
        ...labels.flatMap(({ annotations }, index) => isRoomy || isNamed[index] ? annotations : []),
      ],
    },
  };
}

const entryOf = ({ entries }: Legend, index: number) => entries[index];

/** An x left of a panel, where the other end of its level lines goes unseen. */
function outsideOf({ x: { type, range: [low, high] } }: LinePanel): number {
  return type === "log" ? low / 2 : low - (high - low);
}

/** What lies above and below a panel's axis, at the edge that it lies beyond. */
function beyondLabels(
  { beyond }: LinePanel,
  panel: PlacedPanel,
  theme: Theme,
): { annotations: Attributes[]; boxes: Rectangle[] } {
  const edges = [
    { arrow: "↑", names: beyond.above, edge: 1, anchor: "top", inward: -1 },
    { arrow: "↓", names: beyond.below, edge: 0, anchor: "bottom", inward: 1 },
  ].filter(({ names }) => names.length > 0);
  const height = lineHeight * theme.body;
  return {
    annotations: edges.map(({ arrow, names, edge, anchor, inward }) => ({
      text: plotlyText([`${arrow} ${names.join(", ")}`]),
      xref: `${panel.axes.xaxis} domain`,
      x: 0,
      xshift: inset,
      xanchor: "left",
      yref: `${panel.axes.yaxis} domain`,
      y: edge,
      yshift: inward * inset / 2,
      yanchor: anchor,
      borderpad: 0,
      showarrow: false,
    })),
    boxes: edges.map(({ arrow, names, edge }) => ({
      left: inset,
      right: inset + widthOf(`${arrow} ${names.join(", ")}`, { size: theme.body }),
      top: edge === 1 ? 0 : panel.height - height - inset,
      bottom: edge === 1 ? height + inset : panel.height,
    })),
  };
}
