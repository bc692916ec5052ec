/** Writes every figure and table of a study into a folder. */

import type { Domain } from "../../texts/domains.ts";
import type { Watch } from "../../util/progress.ts";
import { judgeClaims } from "./claims.ts";
import { ourEvidence, publishedEvidence } from "./evidence.ts";
import type { Protocol } from "./protocol.ts";
import { type PublishedNumbers, readPublishedNumbers } from "./published.ts";
import type { StudyResults } from "./results.ts";
import { calibrationSizeCaption, wallClockCaption } from "./captions.ts";
import type { ExportOptions } from "../../figures/export/figure_files.ts";
import { fidelityTable } from "./tables/fidelity.ts";
import { calibrationSizeFigure } from "./figures/calibration_size.ts";
import { wallClockFigure } from "./figures/wall_clock.ts";
import {
  calibrationSizeRows,
  publishedCalibrationSizeRows,
  publishedWallClockRows,
  wallClockRows,
} from "./rows.ts";
import { claimsTable, perplexityTable, wallClockTable } from "./tables/study_tables.ts";
import { studyProvenance } from "./provenance.ts";
import type { CellRow } from "../../tables/csv.ts";
import type { Table } from "../../tables/table.ts";
import type { FigureOptions } from "../../figures/theme.ts";
import { type PublishedFigure, writeFigure, writeTable } from "../report_files.ts";

/** How the figures of a report are set and drawn, and how its writing is watched. */
export interface ReportOptions
  extends Watch, FigureOptions, Pick<ExportOptions, "formats" | "dpi"> {}

/**
 * Writes `figure-1-wall-clock` … `figure-5-wikitext` (SVG, PNG, PDF, caption, CSV, provenance) and
 * `table-1-perplexity`, `table-2-wall-clock`, `table-fidelity`, `table-claims` (CSV, Markdown, LaTeX).
 *
 * @returns the paths written
 * @throws {OutputError} if the folder cannot be written.
 * @throws {OptionError} if theme, width, panels or resolution are unknown; nothing is written then.
 *
 * @example
 * ```ts
 * import { chooseProtocol, gatherResults, InputError, writeStudyReport } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const protocol = chooseProtocol({ profile: "quick" });
 * const folder = await Deno.makeTempDir();
 * // A study of which nothing was measured has no figures.
 * await assert.rejects(writeStudyReport(folder, gatherResults([], 1), protocol), InputError);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeStudyReport(
  directory: string,
  results: StudyResults,
  protocol: Protocol,
  { onProgress, signal, width, theme, panels, formats, dpi }: ReportOptions = {},
): Promise<string[]> {
  const published = await readPublishedNumbers();
  const options = { width, theme, panels };
  const figures = [
    wallClock(results, protocol, published, options),
    ...protocol.domains.map((domain, index) =>
      calibrationSize(
        `figure-${index + 2}-${domain}`,
        domain,
        results,
        protocol,
        published,
        options,
      )
    ),
  ];
  const judged = [
    { source: "published numbers", judgements: judgeClaims(publishedEvidence(published)) },
    ...protocol.variants.map((variant) => ({
      source: `ours, ${variant}`,
      judgements: judgeClaims(ourEvidence(results, protocol, variant)),
    })),
  ];
  const tables: [string, Table][] = [
    ["table-1-perplexity", perplexityTable(results, protocol, published)],
    ["table-2-wall-clock", wallClockTable(results, protocol, published)],
    ["table-fidelity", fidelityTable(results, protocol)],
    ["table-claims", claimsTable(published.claims, judged)],
  ];
  const provenance = studyProvenance(results.measurements, protocol);
  const total = figures.length + tables.length;
  const paths: string[] = [];
  for (const [index, figure] of figures.entries()) {
    signal?.throwIfAborted();
    paths.push(...await writeFigure(directory, figure, provenance, { signal, formats, dpi }));
    onProgress?.({ done: index + 1, total, label: figure.name });
  }
  for (const [index, [name, table]] of tables.entries()) {
    signal?.throwIfAborted();
    paths.push(...await writeTable(directory, name, table));
    onProgress?.({ done: figures.length + index + 1, total, label: name });
  }
  return paths;
}

/** What a figure shows of the published rows. */
function shown<Row>(published: readonly Row[], { panels }: FigureOptions): readonly Row[] {
  return panels === "measured" ? [] : published;
}

function wallClock(
  results: StudyResults,
  protocol: Protocol,
  numbers: PublishedNumbers,
  options: FigureOptions,
): PublishedFigure {
  const measured = wallClockRows(results);
  const published = publishedWallClockRows(numbers);
  return {
    name: "figure-1-wall-clock",
    figure: wallClockFigure(measured, published, options),
    caption: wallClockCaption(protocol, measured, shown(published, options)),
    rows: sourced(measured, published),
  };
}

function calibrationSize(
  name: string,
  domain: Domain,
  results: StudyResults,
  protocol: Protocol,
  numbers: PublishedNumbers,
  options: FigureOptions,
): PublishedFigure {
  const measured = calibrationSizeRows(results, protocol, domain);
  const published = publishedCalibrationSizeRows(numbers, domain);
  return {
    name,
    figure: calibrationSizeFigure(domain, measured, published, options),
    caption: calibrationSizeCaption(domain, protocol, measured, shown(published, options)),
    rows: sourced(measured, published),
  };
}

/** Rows with a column that tells ours from the published ones. */
function sourced(measured: readonly object[], published: readonly object[]): CellRow[] {
  return [
    ...measured.map((row) => ({ source: "measured", ...row })),
    ...published.map((row) => ({ source: "published", ...row })),
  ];
}
