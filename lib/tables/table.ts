/**
 * A table as data, and how its cells are written. CSV, Markdown and LaTeX have a file each.
 */

import { decimals } from "../util/numbers.ts";
import { hasNumbers, numbersSaid, visible } from "../figures/characters.ts";
import { ReportError } from "../figures/figure.ts";

/** A number with the ends of its interval, or without, both `null`. */
export interface IntervalCell {
  /** The number. */
  readonly value: number;
  /** Lower end. */
  readonly low: number | null;
  /** Upper end. */
  readonly high: number | null;
  /** Whether it stands out, in bold. */
  readonly isBest?: boolean;
}

/** Text, a number, a number with its interval, or `null` for what was not measured. */
export type Cell = string | number | IntervalCell | null;

/** One column of a table. */
export interface Column {
  /** With the unit: `"Wall clock (s)"`. */
  readonly name: string;
  /** Decimals of its numbers in Markdown and LaTeX; a column of text has none. */
  readonly digits?: number;
  /** In their place, digits that count of each number; the ends of its interval have its decimals. */
  readonly significant?: number;
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

function formatCell(cell: Cell, column: Column): string {
  if (cell === null) return missing;
  if (typeof cell === "string") return visible(cell);
  const { value, low, high } = typeof cell === "number"
    ? { value: cell, low: null, high: null }
    : cell;
  const digits = decimalsOf(value, column);
  const text = formatNumber(value, digits);
  return low === null || high === null
    ? text
    : `${text} [${formatNumber(low, digits)}, ${formatNumber(high, digits)}]`;
}

/**
 * The note, which also says what numbers stand for where `written` puts them into a text of the table.
 *
 * @param written how a format writes texts
 */
export function noteOf(table: Table, written: (text: string) => string): string {
  const { title, note = "", columns, rows } = table;
  const texts = [title, note, ...columns.map(({ name }) => name), ...rows.flat()];
  const isNumbered = texts.some((text) =>
    typeof text === "string" && hasNumbers(written(text)) && !hasNumbers(text)
  );
  return written(isNumbered ? `${note} ${numbersSaid}`.trim() : note);
}

/** The most decimals that a number is given for its significant digits. */
const MOST_DECIMALS = 9;

function decimalsOf(value: number, { digits, significant }: Column): number | undefined {
  if (significant === undefined) return digits;
  // Rounded first: 9.996 has three digits as 10.0.
  const power = Number(value.toExponential(significant - 1).split("e")[1]);
  return Math.min(Math.max(significant - 1 - power, 0), MOST_DECIMALS);
}

function formatNumber(value: number, digits: number | undefined): string {
  return digits === undefined ? String(value) : decimals(value, digits);
}

/** Whether a cell stands out. */
export function isBest(cell: Cell): boolean {
  return cell !== null && typeof cell === "object" && cell.isBest === true;
}

/** `"r"` for columns of numbers, `"l"` for columns of text: Markdown and LaTeX agree on the letters. */
export function alignments({ columns, rows }: Table): ("l" | "r")[] {
  return columns.map((_, column) =>
    rows.some((row) => row[column] !== null && typeof row[column] !== "string") ? "r" : "l"
  );
}
