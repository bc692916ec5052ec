/**
 * A figure with everything that a reader may ask of it: pictures, the numbers drawn, and where they
 * come from.
 */

import { join } from "node:path";
import { writeFileAtomic } from "../files.ts";
import { exportFigure } from "./export/figure_files.ts";
import type { Figure } from "./figure.ts";
import { type Provenance, writeProvenance } from "./provenance.ts";
import type { CalibrationSizeRow, WallClockRow } from "./rows.ts";
import { rowsToCsv } from "./tables/csv.ts";

/** The rows that a figure was drawn from, ours and the study's. */
export interface FigureRows {
  readonly measured: readonly (CalibrationSizeRow | WallClockRow)[];
  readonly published: readonly (CalibrationSizeRow | WallClockRow)[];
}

/**
 * Writes `<name>.svg`, `.png`, `.pdf`, `.csv` (with a `source` column: `measured` or `published`)
 * and `.json` (provenance) into a folder. The same input gives the same bytes.
 *
 * @returns the paths written
 * @throws {ReportError} if the figure cannot be drawn; nothing is written then.
 * @throws {OutputError} if a file cannot be written.
 */
export async function writeFigure(
  directory: string,
  name: string,
  figure: Figure,
  { measured, published }: FigureRows,
  provenance: Provenance,
  { signal }: { signal?: AbortSignal } = {},
): Promise<string[]> {
  const path = join(directory, name);
  const pictures = await exportFigure(figure, path, { signal });
  const rows = [
    ...measured.map((row) => ({ source: "measured", ...row })),
    ...published.map((row) => ({ source: "published", ...row })),
  ];
  await writeFileAtomic(`${path}.csv`, rowsToCsv(rows));
  await writeProvenance(`${path}.json`, provenance);
  return [...pictures, `${path}.csv`, `${path}.json`];
}
