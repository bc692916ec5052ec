/**
 * A table as data, and how its cells are written. CSV, Markdown and LaTeX have a file each.
 */

import { decimals } from "../../decimals.ts";
import { visible } from "../characters.ts";
import { ReportError } from "../report_error.ts";

/** A number with the ends of its interval. */
export interface IntervalCell {
  /** The number. */
  readonly value: number;
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
}

/** Text, a number, a number with its interval, or `null` for what was not measured. */
export type Cell = string | number | IntervalCell | null;

/** One column of a table. */
export interface Column {
  /** With the unit: `"Wall clock (s)"`. */
  readonly name: string;
  /** Decimals of its numbers in Markdown and LaTeX; a column of text has none. */
  readonly digits?: number;
}

/** A table; which numbers are published and which ours is a column or in the title, never a guess. */
export interface Table {
  /** Stands above it. */
  readonly title: string;
  /** Stands below the table. */
  readonly note?: string;
  /** From left to right. */
  readonly columns: readonly Column[];
  /** A cell for each column. */
  readonly rows: readonly (readonly Cell[])[];
}

/** What stands for `null`. */
const missing = "–";

/**
 * The cells of a table as text, row by row: numbers with their column's decimals, texts with numbers for
 * what cannot be seen of them.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function formatCells({ title, columns, rows }: Table): string[][] {
  return rows.map((row, index) => {
    checkLength(title, columns, row, index);
    return row.map((cell, column) => formatCell(cell, columns[column]));
  });
}

/** @throws {ReportError} if `row` has more or fewer cells than there are columns. */
export function checkLength(
  title: string,
  columns: readonly Column[],
  row: readonly Cell[],
  index: number,
): void {
  if (row.length === columns.length) return;
  throw new ReportError({
    problem: `row ${index} does not fit its columns`,
    option: `table '${title}'`,
    value: `${row.length} cells`,
    expected: `${columns.length} cells`,
  });
}

function formatCell(cell: Cell, { digits }: Column): string {
  if (cell === null) return missing;
  if (typeof cell === "string") return visible(cell);
  if (typeof cell === "number") return formatNumber(cell, digits);
  const [value, low, high] = [cell.value, cell.low, cell.high].map((each) =>
    formatNumber(each, digits)
  );
  return `${value} [${low}, ${high}]`;
}

function formatNumber(value: number, digits: number | undefined): string {
  return digits === undefined ? String(value) : decimals(value, digits);
}

/** `"r"` for columns of numbers, `"l"` for columns of text: Markdown and LaTeX agree on the letters. */
export function alignments({ columns, rows }: Table): ("l" | "r")[] {
  return columns.map((_, column) =>
    rows.some((row) => row[column] !== null && typeof row[column] !== "string") ? "r" : "l"
  );
}
