/**
 * Figures 2–5: perplexity and KL from the fine-tune against the number of calibration samples, one figure
 * a domain. Beside the study's two methods stand the lines it left out: base, fine-tune and initial.
 */

import type { Domain } from "../../../texts/domains.ts";
import { type Figure, ReportError } from "../../../figures/figure.ts";
import { domainNames } from "../names.ts";
import { studyMethods } from "../plan.ts";
import type { CalibrationSizeRow } from "../rows.ts";
import { figureFrame, type FigureOptions } from "../../../figures/theme.ts";
import { legendGroups, type ModelSeries, modelSeries } from "../../../figures/models.ts";
import { type FigurePanel, lineFigure } from "../../../figures/line_figure.ts";
import { linePanel, type LinePoint } from "../../../figures/line_panel.ts";
import { aboutWidth } from "../../../figures/panel_geometry.ts";

/** What compressed models are compared with; an axis may leave these out. */
const references: readonly string[] = ["fine", studyMethods.start, "base"];

/** Widths of panels side by side: ours show more than the published one. */
const shares = { ours: 3, published: 2 };

/** A number of a row with its interval. */
type Pick = (row: CalibrationSizeRow) => Omit<LinePoint, "x">;

const perplexity: Pick = ({ perplexity, low, high }) => ({ y: perplexity, low, high });

/** Of rows without KL it is never asked. */
const kl: Pick = ({ kl, klLow, klHigh }) => ({ y: kl!, low: klLow, high: klHigh });

/**
 * Perplexity and, where all rows have it, KL against calibration size in one domain: series with a
 * calibration size as curves with 95 % intervals, those without as level lines whose interval stands
 * apart from the axis, at their right end. A base, fine-tune or initial far from the rest is left off
 * the axis, with its value at the edge beyond which it lies.
 *
 * @param rows ours, of one pair; rows of other domains are passed over
 * @param published the study's, of its own pair
 * @throws {ReportError} if no row of the domain has a calibration size, rows are of several pairs,
 * or a series has two rows for one point.
 * @throws {OptionError} if theme, width or panels are unknown.
 *
 * @example
 * ```ts
 * import {
 *   calibrationSizeFigure,
 *   publishedCalibrationSizeRows,
 *   readPublishedNumbers,
 * } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const published = await readPublishedNumbers();
 * const rows = publishedCalibrationSizeRows(published, "health");
 * assert.ok(calibrationSizeFigure("health", rows, rows).data.length > 0);
 * ```
 */
export function calibrationSizeFigure(
  domain: Domain,
  rows: readonly CalibrationSizeRow[],
  published: readonly CalibrationSizeRow[],
  options: FigureOptions = {},
): Figure {
  const frame = figureFrame(options);
  const ours = seriesOf(domain, rows, "rows");
  const hasKl = ours.every(({ rows }) => rows.every(({ kl }) => kl !== null));
  const common = { xTitle: "Calibration samples" };
  const contents = [
    {
      ...common,
      series: ours,
      pick: perplexity,
      title: "Measured here",
      subtitle: `${ours[0].rows[0].pair}; nearer the fine-tune is better`,
      yTitle: `Perplexity, ${domainNames[domain]}`,
      share: shares.ours,
      isJoined: hasKl,
    },
    ...hasKl
      ? [{
        ...common,
        series: ours,
        pick: kl,
        title: "Distance from the fine-tune",
        subtitle: "KL(fine-tune ‖ compressed), measured here; lower is better",
        yTitle: "KL (nats a token)",
        share: shares.ours,
      }]
      : [],
    ...frame.panels === "all" ? [publishedContent(domain, published)] : [],
  ];
  const all = contents.reduce((sum, { share }) => sum + share, 0);
  const contentOf = ({ series, pick, share }: typeof contents[number], ends?: readonly string[]) =>
    linePanel(
      series.map(({ method, look, rows }) => ({
        look,
        isReference: references.includes(method),
        points: rows.map((row) => ({ x: row.calibrationSize, ...pick(row) })),
      })),
      {
        x: "log",
        y: "linear",
        markers: aboutWidth(share / all, contents.length, frame) / frame.theme.marker,
        ends,
      },
    );
  // Our panels have one x axis: what ends in one of them has its place in both.
  const isDrawn = new Set(
    contents.filter(({ series }) => series === ours).flatMap((each) => contentOf(each).ends),
  );
  const ends = ours.map(({ look }) => look.label)
    .filter((label) => isDrawn.has(label));
  const panels = contents.map(({ series, pick, ...texts }): FigurePanel => ({
    ...texts,
    ...contentOf({ series, pick, ...texts }, series === ours ? ends : undefined),
  }));
  return lineFigure(panels, legendGroups(ours), frame);
}

function publishedContent(domain: Domain, published: readonly CalibrationSizeRow[]) {
  const series = seriesOf(domain, published, "published");
  return {
    series,
    pick: perplexity,
    title: "Published",
    subtitle: series[0].rows[0].pair,
    xTitle: "Calibration samples",
    yTitle: "Perplexity",
    published: true,
    share: shares.published,
  };
}

/** The series of a domain, of which one at least is a curve. */
function seriesOf(
  domain: Domain,
  all: readonly CalibrationSizeRow[],
  option: string,
): ModelSeries<CalibrationSizeRow>[] {
  const rows = all.filter((row) => row.domain === domain);
  const series = modelSeries(rows, ({ calibrationSize }) => calibrationSize, option);
  if (rows.some(({ calibrationSize }) => calibrationSize !== null)) return series;
  throw new ReportError({
    problem: `no row of domain '${domain}' has a calibration size`,
    option,
    value: `${rows.length} rows without`,
    expected: "at least one row of a method that is calibrated",
  });
}
