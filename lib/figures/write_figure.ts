/**
 * A figure with everything that a reader may ask of it: pictures, a caption, the numbers drawn, and
 * where they come from.
 */

import { join } from "node:path";
import { writeFileAtomic } from "../util/files.ts";
import { captionOf } from "../studies/activation_aware_bitdelta/captions.ts";
import { exportFigure, type ExportOptions } from "./export/figure_files.ts";
import type { Figure } from "./figure.ts";
import { type Provenance, writeProvenance } from "./provenance.ts";
import type {
  CalibrationSizeRow,
  WallClockRow,
} from "../studies/activation_aware_bitdelta/rows.ts";
import { rowsToCsv } from "../tables/csv.ts";
import { captionToLatex } from "../tables/latex.ts";

/** The rows that a figure was drawn from, ours and the study's. */
export interface FigureRows {
  readonly measured: readonly (CalibrationSizeRow | WallClockRow)[];
  readonly published: readonly (CalibrationSizeRow | WallClockRow)[];
}

/** A figure that is to be published. */
export interface PublishedFigure {
  /** Of its files, without extension, and of its label in LaTeX. */
  readonly name: string;
  readonly figure: Figure;
  /** Plain text. */
  readonly caption: string;
  readonly rows: FigureRows;
}

/**
 * Writes `<name>.svg`, `.png` and `.pdf` as asked for, `.tex` (the caption, to be `\input` below
 * `\includegraphics`), `.csv` (with a `source` column: `measured` or `published`) and `.json`
 * (provenance) into a folder. The same input gives the same bytes.
 *
 * @returns the paths written
 * @throws {ReportError} if the figure cannot be drawn; of it only provenance is written then.
 * @throws {OutputError} if a file cannot be written.
 */
export async function writeFigure(
  directory: string,
  { name, figure, caption, rows: { measured, published } }: PublishedFigure,
  provenance: Provenance,
  options: ExportOptions = {},
): Promise<string[]> {
  const path = join(directory, name);
  // First: a run that was ended after it knows the files beside it as its own.
  await writeProvenance(`${path}.json`, provenance);
  const pictures = await exportFigure(figure, path, options);
  const rows = [
    ...measured.map((row) => ({ source: "measured", ...row })),
    ...published.map((row) => ({ source: "published", ...row })),
  ];
  await writeFileAtomic(`${path}.tex`, captionToLatex(captionOf(figure, caption), name));
  await writeFileAtomic(`${path}.csv`, await rowsToCsv(rows));
  return [...pictures, `${path}.tex`, `${path}.csv`, `${path}.json`];
}
