/**
 * Figures 2–5: perplexity against the number of calibration samples, one figure a domain. Beside the
 * study's two methods stand the lines it left out: base, fine-tune and initial.
 */

import type { Domain } from "../../domains/domains.ts";
import type { Attributes, Figure } from "../figure.ts";
import { type CalibrationSizeRow, domainNames } from "../rows.ts";
import { seriesLook } from "../style.ts";
import { figureFrame, type FigureOptions, type Theme } from "../theme.ts";
import { type CalibrationPanel, calibrationPanel, type PlacedSeries } from "./calibration_panel.ts";
import { directLabels } from "./direct_labels.ts";
import { legendGroups } from "./group_series.ts";
import type { Legend } from "./legend.ts";
import { aboutWidth } from "./panel_geometry.ts";
import { arrangePanels, type PanelAxes } from "./panels.ts";
import { curve, reference } from "./series.ts";

/** Share of a page's width that our panel takes: it shows more than the published one. */
const ourShare = 0.6;

/**
 * Perplexity against calibration size in one domain: series with a calibration size as curves with
 * 95 % intervals, those without as horizontal lines whose interval stands at their right end. A
 * base, fine-tune or initial far from the rest is left off the axis; the legend gives its value.
 *
 * @param rows ours, of one pair; rows of other domains are passed over
 * @param published the study's, of its own pair
 * @throws {ReportError} if no row of the domain has a calibration size, rows are of several pairs,
 * or a series has two rows for one point.
 * @throws {OptionError} if theme or width are unknown.
 */
export function calibrationSizeFigure(
  domain: Domain,
  rows: readonly CalibrationSizeRow[],
  published: readonly CalibrationSizeRow[],
  options: FigureOptions = {},
): Figure {
  const frame = figureFrame(options);
  const markers = (share: number) => aboutWidth(share, frame) / frame.theme.marker;
  const ours = calibrationPanel(domain, rows, "rows", markers(ourShare));
  const theirs = calibrationPanel(domain, published, "published", markers(1 - ourShare));
  const xTitle = "Calibration samples";
  const { layout, panels: [left, right], legend } = arrangePanels(
    [
      {
        ...ours,
        title: "Measured here",
        subtitle: `${ours.pair}; 95\u00a0% intervals, paired with the fine-tune`,
        xTitle,
        yTitle: `Perplexity, ${domainNames[domain]}`,
        share: ourShare,
      },
      {
        ...theirs,
        title: "Published",
        subtitle: theirs.pair,
        xTitle,
        yTitle: "Perplexity",
        published: true,
        share: 1 - ourShare,
      },
    ],
    legendGroups(ours.series).map((group) => group.map(legendLabel)),
    frame,
  );
  const labels = directLabels(
    theirs.series.map(({ points, method, variant, isCurve }) => ({
      points,
      label: seriesLook(method, variant).label,
      isLine: !isCurve,
    })),
    right,
    frame.theme,
  );
  return {
    data: [
      ...traces(ours, left.axes, frame.theme, legend),
      ...traces(theirs, right.axes, frame.theme),
    ],
    layout: { ...layout, annotations: [...layout.annotations as Attributes[], ...labels] },
  };
}

/** Traces of one panel; without a legend, none is named there. */
function traces(
  { series, x }: CalibrationPanel,
  axes: PanelAxes,
  theme: Theme,
  legend?: Legend,
): Attributes[] {
  return series.map((one, index) => {
    const look = seriesLook(one.method, one.variant);
    const placement = { axes, theme, legend: legend?.entries[index] ?? null };
    return one.isCurve
      ? curve(one.points, look, placement)
      : reference(x.range[0] / 2, one.points[0], look, placement);
  });
}

function legendLabel({ method, variant, offAxis, points }: PlacedSeries): string {
  const { label } = seriesLook(method, variant);
  const value = Number(points[0].y.toPrecision(3));
  return offAxis ? `${label}: ${value}, off the axis` : label;
}
