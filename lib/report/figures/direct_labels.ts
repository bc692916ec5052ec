/**
 * Names written beside the lines of a panel, where there are few enough to need no legend.
 */

import type { Attributes } from "../figure.ts";
import type { panelAxes } from "./panels.ts";
import type { CurvePoint } from "./series.ts";

/** A series to name, its points by rising x. */
export interface LabelledSeries {
  readonly points: readonly CurvePoint[];
  readonly label: string;
}

/** Share of the panel's width left of a label. */
const inset = 0.02;

/**
 * One annotation a series, at the left of the panel: the uppermost series is named below its line
 * and all others above theirs, so that labels keep to the space between.
 *
 * @param yType of the panel's y axis: on a logarithmic one plotly places annotations by power of ten
 */
export function directLabels(
  series: readonly LabelledSeries[],
  axes: (typeof panelAxes)[keyof typeof panelAxes],
  yType: "linear" | "log",
): Attributes[] {
  const firstValue = ({ points }: LabelledSeries) => points[0].y;
  const uppermost = Math.max(...series.map(firstValue));
  return series.map(({ points, label }) => {
    const below = points[0].y === uppermost;
    const near = points.slice(0, Math.ceil(points.length / 3)).map(({ y }) => y);
    const edge = below ? Math.min(...near) : Math.max(...near);
    return {
      text: label,
      xref: `${axes.xaxis} domain`,
      x: inset,
      xanchor: "left",
      yref: axes.yaxis,
      y: yType === "log" ? Math.log10(edge) : edge,
      yanchor: below ? "top" : "bottom",
      yshift: below ? -2 : 2,
      showarrow: false,
    };
  });
}
