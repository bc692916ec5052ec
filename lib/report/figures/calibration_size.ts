/**
 * Figures 2–5: perplexity against the number of calibration samples, one figure a domain. Beside the
 * study's two methods stand the lines it left out: base, fine-tune and initial.
 */

import type { Domain } from "../../domains/domains.ts";
import type { Attributes, Figure } from "../figure.ts";
import { type CalibrationSizeRow, domainNames } from "../rows.ts";
import { seriesLook } from "../style.ts";
import { type CalibrationPanel, calibrationPanel, type PlacedSeries } from "./calibration_panel.ts";
import { directLabels } from "./direct_labels.ts";
import { panelAxes, twoPanels } from "./panels.ts";
import { curve, type Placement, reference } from "./series.ts";

/**
 * Perplexity against calibration size in one domain: series with a calibration size as curves with
 * 95 % intervals, those without as horizontal lines whose interval stands at their right end. A
 * base, fine-tune or initial far from the rest is left off the axis; the legend gives its value.
 *
 * @param rows ours, of one pair; rows of other domains are passed over
 * @param published the study's, of its own pair
 * @throws {ReportError} if no row of the domain has a calibration size, rows are of several pairs,
 * or a series has two rows for one point.
 */
export function calibrationSizeFigure(
  domain: Domain,
  rows: readonly CalibrationSizeRow[],
  published: readonly CalibrationSizeRow[],
): Figure {
  const ours = calibrationPanel(domain, rows, "rows");
  const theirs = calibrationPanel(domain, published, "published");
  const xTitle = "Calibration samples";
  const yType = "linear";
  const layout = twoPanels(
    {
      ...ours,
      title: "Measured here",
      subtitle: `${ours.pair}; 95 % intervals, paired with the fine-tune`,
      xTitle,
      yTitle: `Perplexity, ${domainNames[domain]}`,
      yType,
    },
    { ...theirs, title: "Published", subtitle: theirs.pair, xTitle, yTitle: "Perplexity", yType },
    ours.series.length,
  );
  const labels = directLabels(
    theirs.series.map(({ points, method, variant }) => ({
      points,
      label: seriesLook(method, variant).label,
    })),
    panelAxes.published,
    yType,
  );
  return {
    data: [
      ...traces(ours, { axes: panelAxes.ours, inLegend: true }),
      ...traces(theirs, { axes: panelAxes.published, inLegend: false }),
    ],
    layout: { ...layout, annotations: [...layout.annotations as Attributes[], ...labels] },
  };
}

function traces({ series, xRange }: CalibrationPanel, placement: Placement): Attributes[] {
  return series.map((one) => {
    const look = { ...seriesLook(one.method, one.variant), label: legendLabel(one) };
    return one.isCurve
      ? curve(one.points, look, placement)
      : reference(xRange[0] / 2, one.points[0], look, placement);
  });
}

function legendLabel({ method, variant, offAxis, points }: PlacedSeries): string {
  const { label } = seriesLook(method, variant);
  const value = Number(points[0].y.toPrecision(3));
  return offAxis ? `${label}: ${value}, off the axis` : label;
}
