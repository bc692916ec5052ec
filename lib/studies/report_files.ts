/**
 * A figure or a table of any study as files, with everything that a reader may ask of it: pictures, a caption,
 * the numbers drawn, and where they come from. It gathers nothing itself and holds no time, so that the same
 * run writes the same bytes.
 */

import { join } from "node:path";
import { exportFigure, type ExportOptions } from "../figures/export/figure_files.ts";
import { captionOf, type Figure, type Json } from "../figures/figure.ts";
import { type CellRow, rowsToCsv, tableToCsv } from "../tables/csv.ts";
import { captionToLatex, tableToLatex } from "../tables/latex.ts";
import { tableToMarkdown } from "../tables/markdown.ts";
import type { Table } from "../tables/table.ts";
import { canonical } from "../util/canonical.ts";
import { writeFileAtomic } from "../util/files.ts";

/** All that determines a figure, and the machine class that its timings hold for. */
export interface Provenance {
  /** Every setting of the measurements, as the study's protocol has them. */
  readonly protocol: { readonly [setting: string]: Json };
  /** By what was hashed: of checkpoints `blake3:` and a BLAKE3, of texts and others a SHA-256, in hex. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Versions of this library and of the packages that computed, by package name. */
  readonly versions: Readonly<Record<string, string>>;
  /** What ran the graphs: `"onnxruntime-node 1.30.0, 2 threads"`. */
  readonly engine: string;
  /** The device it ran on and why that one; of a GPU also adapter, features and limits. */
  readonly device: Json;
  /** Seeds of calibration text. */
  readonly seeds: readonly number[];
  /** Class of machine, not its name: `"x86_64 linux, 2 cores, 8 GB"`. */
  readonly machine: string;
}

/** A figure that is to be published. */
export interface PublishedFigure {
  /** Of its files, without extension, and of its label in LaTeX. */
  readonly name: string;
  /** What is drawn. */
  readonly figure: Figure;
  /** Plain text. */
  readonly caption: string;
  /** The numbers that it was drawn from. */
  readonly rows: readonly CellRow[];
}

/**
 * Writes `<name>.svg`, `.png` and `.pdf` as asked for, `.tex` (the caption, to be `\input` below
 * `\includegraphics`), `.csv` and `.json` (provenance, its names in alphabetical order) into a folder. The
 * same input gives the same bytes.
 *
 * @returns the paths written
 * @throws {ReportError} if the figure cannot be drawn; of it only provenance is written then.
 * @throws {OutputError} if a file cannot be written.
 */
export async function writeFigure(
  directory: string,
  { name, figure, caption, rows }: PublishedFigure,
  provenance: Provenance,
  options: ExportOptions = {},
): Promise<string[]> {
  const path = join(directory, name);
  // First: a run that was ended after it knows the files beside it as its own.
  await writeFileAtomic(`${path}.json`, canonical(provenance, 2) + "\n");
  const pictures = await exportFigure(figure, path, options);
  await writeFileAtomic(`${path}.tex`, captionToLatex(captionOf(figure, caption), name));
  await writeFileAtomic(`${path}.csv`, await rowsToCsv(rows));
  return [...pictures, `${path}.tex`, `${path}.csv`, `${path}.json`];
}

/**
 * Writes a table as `<name>.csv`, `.md` and `.tex` into a folder.
 *
 * @returns the paths written
 * @throws {OutputError} if a file cannot be written.
 */
export async function writeTable(directory: string, name: string, table: Table): Promise<string[]> {
  const path = join(directory, name);
  const files = {
    csv: await tableToCsv(table),
    md: tableToMarkdown(table),
    tex: tableToLatex(table, name),
  };
  for (const [extension, text] of Object.entries(files)) {
    await writeFileAtomic(`${path}.${extension}`, text);
  }
  return Object.keys(files).map((extension) => `${path}.${extension}`);
}
