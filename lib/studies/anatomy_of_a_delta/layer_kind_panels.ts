/**
 * Two panels that show a quantity of all seven linear layers: those of attention, those of the MLP,
 * on the same axes.
 */

import { type LayerKind, layerKindGroups, layerKindLooks } from "./layer_kind.ts";
import { ReportError } from "../../figures/figure.ts";
import type { FigureFrame } from "../../figures/theme.ts";
import type { AxisScale } from "../../figures/axis.ts";
import type { LegendEntry } from "../../figures/legend.ts";
import type { Panel } from "../../figures/panel_geometry.ts";
import { type Arrangement, arrangePanels } from "../../figures/panels.ts";
import type { Placement } from "../../figures/series.ts";

/** What rows of these figures have. */
interface KindRow {
  readonly pair: string;
  readonly kind: LayerKind;
}

/** The rows of one kind and where they are drawn. */
export interface KindSeries<Row> {
  readonly kind: LayerKind;
  readonly rows: readonly Row[];
  readonly placement: Placement;
}

/** Both panels without data, and what is to be drawn into them. */
export interface KindPanels<Row> {
  readonly layout: Arrangement["layout"];
  readonly panels: Arrangement["panels"];
  readonly series: readonly KindSeries<Row>[];
  /** Entries of the legend that are of no kind. */
  readonly further: readonly LegendEntry[];
}

/** The axes that both panels share, and the titles of these. */
export interface KindAxes {
  readonly x: AxisScale;
  readonly y: AxisScale;
  readonly xTitle: string;
  readonly yTitle: string;
}

/**
 * Lays out both panels; kinds and panels without rows are left out.
 *
 * @param further labels of what both panels show beside the kinds
 */
export function layerKindPanels<Row extends KindRow>(
  rows: readonly Row[],
  axes: KindAxes,
  frame: FigureFrame,
  further: readonly string[] = [],
): KindPanels<Row> {
  const groups = Object.entries(layerKindGroups).map(([title, kinds]) => ({
    title,
    kinds: kinds.filter((kind) => rows.some((row) => row.kind === kind)),
  })).filter(({ kinds }) => kinds.length > 0);
  const panels = groups.map(({ title }): Panel => ({
    ...axes,
    title,
    subtitle: rows[0].pair,
    share: 1,
  }));
  const shown = groups.flatMap(({ kinds }) => kinds);
  const arrangement = arrangePanels(
    panels,
    [
      ...groups.map(({ kinds }) => kinds.map((kind) => layerKindLooks[kind].label)),
      ...further.length > 0 ? [further] : [],
    ],
    frame,
  );
  return {
    layout: arrangement.layout,
    panels: arrangement.panels,
    further: arrangement.legend.entries.slice(shown.length),
    series: groups.flatMap(({ kinds }, panel) =>
      kinds.map((kind) => ({
        kind,
        rows: rows.filter((row) => row.kind === kind),
        placement: {
          axes: arrangement.panels[panel].axes,
          theme: frame.theme,
          legend: arrangement.legend.entries[shown.indexOf(kind)],
        },
      }))
    ),
  };
}

/** @throws {ReportError} if there are no rows or rows of several pairs. */
export function checkOnePair(rows: readonly KindRow[]): void {
  const pairs = new Set(rows.map(({ pair }) => pair));
  if (pairs.size === 1) return;
  throw new ReportError({
    problem: pairs.size === 0 ? "there is nothing to draw" : "a figure shows one pair",
    option: "rows",
    value: [...pairs],
    expected: "rows of exactly one pair",
  });
}
