/** Writes every figure and table of a study into a folder. */

import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";
import type { Watch } from "../progress.ts";
import { judgeClaims } from "../study/claims.ts";
import { ourEvidence, publishedEvidence } from "../study/evidence.ts";
import type { Measurement } from "../study/measurement.ts";
import type { Protocol } from "../study/protocol.ts";
import { readPublishedNumbers } from "../study/published.ts";
import { gatherResults } from "../study/results.ts";
import type { Figure } from "./figure.ts";
import { calibrationSizeFigure } from "./figures/calibration_size.ts";
import { wallClockFigure } from "./figures/wall_clock.ts";
import { publishedCalibrationSizeRows, publishedWallClockRows } from "./published.ts";
import { calibrationSizeRows, wallClockRows } from "./study_rows.ts";
import { claimsTable, fidelityTable, perplexityTable, wallClockTable } from "./study_tables.ts";
import { studyProvenance } from "./study_provenance.ts";
import { tableToCsv } from "./tables/csv.ts";
import { tableToLatex } from "./tables/latex.ts";
import { tableToMarkdown } from "./tables/markdown.ts";
import type { Table } from "./tables/table.ts";
import { type FigureRows, writeFigure } from "./write_figure.ts";

/** One figure of the study: its file name, picture and numbers. */
interface StudyFigure {
  readonly name: string;
  readonly figure: Figure;
  readonly rows: FigureRows;
}

/**
 * Writes `figure-1-wall-clock` … `figure-5-wikitext` (SVG, PNG, PDF, CSV, provenance) and
 * `table-1-perplexity`, `table-2-wall-clock`, `table-fidelity`, `table-claims` (CSV, Markdown, LaTeX).
 *
 * @returns the paths written
 * @throws {OutputError} if the folder cannot be written.
 */
export async function writeStudyReport(
  directory: string,
  measurements: readonly Measurement[],
  protocol: Protocol,
  { onProgress, signal }: Watch = {},
): Promise<string[]> {
  const published = await readPublishedNumbers();
  const results = gatherResults(measurements, protocol.bootstrapSeed);
  const figures: StudyFigure[] = [
    named("figure-1-wall-clock", wallClockFigure, {
      measured: wallClockRows(results),
      published: publishedWallClockRows(published),
    }),
    ...protocol.domains.map((domain, index) =>
      named(`figure-${index + 2}-${domain}`, calibrationSizeFigure.bind(null, domain), {
        measured: calibrationSizeRows(results, protocol, domain),
        published: publishedCalibrationSizeRows(published, domain),
      })
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
  const provenance = studyProvenance(measurements, protocol);
  const total = figures.length + tables.length;
  const paths: string[] = [];
  for (const { name, figure, rows } of figures) {
    signal?.throwIfAborted();
    paths.push(...await writeFigure(directory, name, figure, rows, provenance, { signal }));
    onProgress?.({ done: figures.findIndex((each) => each.name === name) + 1, total, label: name });
  }
  for (const [index, [name, table]] of tables.entries()) {
    signal?.throwIfAborted();
    paths.push(...await writeTable(join(directory, name), name, table));
    onProgress?.({ done: figures.length + index + 1, total, label: name });
  }
  return paths;
}

function named<Row>(
  name: string,
  draw: (measured: Row[], published: Row[]) => Figure,
  rows: { measured: Row[]; published: Row[] } & FigureRows,
): StudyFigure {
  return { name, figure: draw(rows.measured, rows.published), rows };
}

async function writeTable(path: string, label: string, table: Table): Promise<string[]> {
  const files = {
    csv: tableToCsv(table),
    md: tableToMarkdown(table),
    tex: tableToLatex(table, label),
  };
  for (const [extension, text] of Object.entries(files)) {
    await writeFileAtomic(`${path}.${extension}`, text);
  }
  return Object.keys(files).map((extension) => `${path}.${extension}`);
}
