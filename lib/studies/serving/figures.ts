/** Figures of serving: what is measured here in panels of its own, and what was published beside it, marked. */

import type { Figure } from "../../figures/figure.ts";
import { seriesFigure, type SeriesRow } from "../../figures/own_series.ts";
import type { FigureOptions } from "../../figures/theme.ts";
import type { BatchRow, ServingRow } from "./measure.ts";
import type { PublishedServing } from "./published.ts";

/** How a figure is drawn. */
export type ServingFigureOptions = Omit<FigureOptions, "panels">;

const MEMORY = "Memory of weights";
const TIME = "One token for each tenant";

/**
 * Memory and time against tenants, a line a way of serving.
 *
 * @param served what is served on what, for the subtitle: `"tinyllama-1.1b's shapes, onnxruntime-node 1.30.0"`.
 * @throws {ReportError} if there are no rows.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { tenantsFigure } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const row = (tenants: number) => ({ way: "base and deltas" as const, tenants, milliseconds: 2, bytes: 1e6 });
 * const { data } = tenantsFigure([row(1), row(2)], "a model");
 * assert.equal(data.length, 2); // a line in each panel
 * ```
 */
export function tenantsFigure(
  rows: readonly ServingRow[],
  served: string,
  options: ServingFigureOptions = {},
): Figure {
  const series: SeriesRow[] = [
    ...rows.map(({ way, tenants, bytes }) => ({
      panel: MEMORY,
      series: way,
      x: tenants,
      y: bytes / 1e6,
    })),
    ...rows.map(({ way, tenants, milliseconds }) => ({
      panel: TIME,
      series: way,
      x: tenants,
      y: milliseconds,
    })),
  ];
  return seriesFigure(series, {
    ...options,
    subtitle: served,
    xTitle: "Tenants",
    yTitle: { [MEMORY]: "MB, lower is better", [TIME]: "ms, lower is better" },
    logX: true,
    logY: true,
  });
}

/**
 * Time of a step against the sequences of one tenant; in another panel, what was published of a layer on a GPU.
 *
 * @param served as of {@linkcode tenantsFigure}.
 * @throws {ReportError} if there are no rows.
 * @throws {OptionError} if theme or width are unknown.
 *
 * @example
 * ```ts
 * import { batchFigure, publishedServing } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [1, 2].map((rows) => ({ rows, milliseconds: rows }));
 * const { data } = batchFigure(rows, await publishedServing(), "a model");
 * assert.equal(data.length, 3); // one line here, two published
 * ```
 */
export function batchFigure(
  rows: readonly BatchRow[],
  published: PublishedServing,
  served: string,
  options: ServingFigureOptions = {},
): Figure {
  const { layer, width } = published;
  const here = "One tenant";
  const there = `Published: one layer of ${width}², a GPU`;
  const series: SeriesRow[] = [
    ...rows.map((row) => ({
      panel: here,
      series: "base and delta",
      x: row.rows,
      y: row.milliseconds,
    })),
    ...layer.map(({ models, naive }) => ({
      panel: there,
      series: "a dense product each (published)",
      x: models,
      y: naive,
    })),
    ...layer.map(({ models, delta }) => ({
      panel: there,
      series: "base and signs (published)",
      x: models,
      y: delta,
    })),
  ];
  return seriesFigure(series, {
    ...options,
    subtitle: `left: ${served}; right: BitDelta's`,
    xTitle: "Sequences, or models, in a batch",
    yTitle: "ms, lower is better",
    logX: true,
  });
}
