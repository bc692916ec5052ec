/** Writes every figure and table of a run into a folder, and its numbers as one file. */

import { join } from "node:path";
import type { ExportOptions } from "../../figures/export/figure_files.ts";
import type { FigureOptions } from "../../figures/theme.ts";
import type { Table } from "../../tables/table.ts";
import { writeFileAtomic } from "../../util/files.ts";
import type { Watch } from "../../util/progress.ts";
import { type PublishedFigure, writeFigure, writeTable } from "../report_files.ts";
import { crossoverCaption, tradeOffCaption } from "./captions.ts";
import { crossoverFigure, crossoverRows } from "./figures/crossover.ts";
import { type Paid, tradeOffFigure, tradeOffRows } from "./figures/trade_offs.ts";
import { beyondProvenance } from "./provenance.ts";
import type { BeyondStudyResults } from "./results.ts";
import { beyondCsv } from "./rows.ts";
import { calibrationTable } from "./tables/calibration_table.ts";
import { beyondClaimTable } from "./tables/claim_table.ts";
import { methodTable } from "./tables/method_table.ts";
import { winTable } from "./tables/win_table.ts";

/** How the figures are set and drawn, and how their writing is watched. */
export interface BeyondReportOptions
  extends Watch, Omit<FigureOptions, "panels">, Pick<ExportOptions, "formats" | "dpi"> {
  /** File of all numbers; default: `methods.csv` in the folder. */
  readonly csv?: string;
}

/**
 * Writes `figure-frontier`, `figure-price` and, where a delta was scaled, `figure-crossover` (SVG, PNG, PDF, caption, CSV,
 * provenance), `table-methods`, `table-wins`, `table-calibration` and `table-claims` (CSV, Markdown, LaTeX), and the
 * numbers of every model, seed and domain as CSV.
 *
 * @returns the paths written
 * @throws {OutputError} if a file cannot be written.
 * @throws {OptionError} if theme, width or resolution are unknown; nothing is written then.
 *
 * @example
 * ```ts
 * import { chooseBeyondProtocol, gatherBeyond, InputError, writeBeyondReport } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const nothing = gatherBeyond([], chooseBeyondProtocol({ profile: "quick" }));
 * const folder = await Deno.makeTempDir();
 * // A run in which nothing was measured has no figures.
 * await assert.rejects(writeBeyondReport(folder, nothing), InputError);
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function writeBeyondReport(
  directory: string,
  results: BeyondStudyResults,
  { onProgress, signal, width, theme, formats, dpi, csv }: BeyondReportOptions = {},
): Promise<string[]> {
  const figures = figuresOf(results, { width, theme });
  const allTables: [string, Table][] = [
    ["table-methods", methodTable(results)],
    ["table-wins", winTable(results)],
    ["table-calibration", calibrationTable(results)],
    ["table-claims", beyondClaimTable(results)],
  ];
  // Of a protocol with one size and one kind of text that table has no rows.
  const tables = allTables.filter(([, { rows }]) => rows.length > 0);
  const provenance = beyondProvenance(results);
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
  const numbers = csv ?? join(directory, "methods.csv");
  await writeFileAtomic(numbers, await beyondCsv(results));
  return [...paths, ...csv === undefined ? [numbers] : []];
}

function figuresOf(results: BeyondStudyResults, options: FigureOptions): PublishedFigure[] {
  const { protocol } = results;
  const tradeOff = (name: string, paid: Paid): PublishedFigure => ({
    name,
    figure: tradeOffFigure(results, paid, options),
    caption: tradeOffCaption(paid, protocol),
    rows: tradeOffRows(results, paid).map((row) => ({ ...row })),
  });
  const crossed = crossoverRows(results);
  return [
    tradeOff("figure-frontier", "bytes"),
    tradeOff("figure-price", "seconds"),
    ...crossed.length === 0 ? [] : [{
      name: "figure-crossover",
      figure: crossoverFigure(results, options),
      caption: crossoverCaption(protocol),
      rows: crossed.map((row) => ({ ...row })),
    }],
  ];
}
