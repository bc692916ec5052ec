/**
 * How a table is laid out for a page of LaTeX: as it is where it fits a column of text; else in smaller
 * type, with cells of two lines, and with paragraphs where a column holds sentences; in parts where it is
 * higher than a page. Text only, not yet escaped.
 */

import { alignments, formatCells, type Table } from "./table.ts";

/** A cell, line by line. */
export type CellLines = readonly [string] | readonly [string, string];

/** A table ready to be written. */
export interface LatexLayout {
  /** Whether it takes the whole width of a page, in smaller type. */
  readonly isWide: boolean;
  /** Column types of a `tabular`. */
  readonly types: readonly string[];
  readonly heading: readonly CellLines[];
  readonly rows: readonly (readonly CellLines[])[];
  /** Indices of the rows that begin a part: a float does not break, so that no part is above a page. */
  readonly parts: readonly number[];
}

/** Characters of 10-point type across a column of text, 345 points; across a page in `\footnotesize`. */
const COLUMN = 72;
const PAGE = 90;
/** Lines of `\footnotesize` on a page of 550 points, beside heading, caption and note; and between rows. */
const LINES = 48;
const between = 0.2;
/** Share of a paragraph's lines that words fill, which do not break. */
const FILLED = 0.85;
/** Characters that the space between two columns takes. */
const GAP = 2.5;
/** Share of a page's width that columns of paragraphs take at least, whatever others need. */
const LEAST_PARAGRAPHS = 0.4;
/** Characters of a line from which on its column is set as a paragraph. */
const LONG = 40;

/** @throws {ReportError} if a row has more or fewer cells than there are columns. */
export function latexLayout(table: Table): LatexLayout {
  const types = alignments(table);
  const names = table.columns.map(({ name }) => name);
  const cells = formatCells(table);
  const widths = columnWidths([names, ...cells].map((row) => row.map((cell) => [cell] as const)));
  const isWide = total(widths) > COLUMN;
  if (!isWide) {
    const whole = (row: readonly string[]) => row.map((cell) => [cell] as const);
    const heights = cells.map(() => 1);
    return { isWide, types, heading: whole(names), rows: cells.map(whole), parts: parts(heights) };
  }
  const stacked = [names, ...cells].map((row) => row.map(stack));
  const lengths = columnWidths(stacked);
  const isLong = types.map((type, column) => type === "l" && lengths[column] > LONG);
  const unstacked = [names, ...cells].map((row, index) =>
    row.map((cell, column) => isLong[column] ? [cell] as const : stacked[index][column])
  );
  const left = PAGE - total(lengths.map((length, column) => isLong[column] ? 0 : length));
  const shares = paragraphShares(cells, isLong, Math.max(LEAST_PARAGRAPHS, left / PAGE));
  const heights = unstacked.slice(1).map((row) =>
    between +
    Math.max(...row.map((cell, column) =>
      isLong[column] ? Math.ceil(cell[0].length / (shares[column] * PAGE * FILLED)) : cell.length
    ))
  );
  return {
    isWide,
    types: types.map((type, column) => isLong[column] ? paragraph(shares[column]) : type),
    heading: standing(unstacked[0]),
    rows: unstacked.slice(1),
    parts: parts(heights),
  };
}

/** Begins of parts about as high as each other, each about as high as a page at most. */
function parts(heights: readonly number[]): number[] {
  const all = heights.reduce((sum, height) => sum + height, 0);
  const most = all / Math.max(1, Math.ceil(all / LINES));
  let above = 0;
  const partOf = heights.map((height) => Math.floor(((above += height) - height / 2) / most));
  return [0, ...partOf.keys().filter((row) => row > 0 && partOf[row] > partOf[row - 1])];
}

/** Two lines of what has two parts: a number and its interval, a base and its fine-tune, words and (more). */
function stack(cell: string): CellLines {
  const parts = /^(.+) ([[(].*[\])])$/.exec(cell) ?? /^(.+ →) (.+)$/.exec(cell);
  return parts ? [parts[1], parts[2]] : [cell];
}

/**
 * Shares of a page's width for columns of paragraphs. A column of four times the text is given twice the
 * width, and so takes twice the height: tables stay low without thin columns.
 */
function paragraphShares(
  cells: readonly (readonly string[])[],
  isLong: readonly boolean[],
  share: number,
): number[] {
  const weights = isLong.map((long, column) =>
    long ? Math.sqrt(cells.reduce((sum, row) => sum + row[column].length, 0)) : 0
  );
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => share * weight / all);
}

function paragraph(share: number): string {
  return `>{\\raggedright\\arraybackslash}p{${share.toFixed(2)}\\textwidth}`;
}

/** A heading whose names all end on the last line, above the rule. */
function standing(heading: readonly CellLines[]): CellLines[] {
  const isStacked = heading.some(({ length }) => length > 1);
  return heading.map((name) => isStacked && name.length === 1 ? ["", name[0]] : name);
}

function columnWidths(rows: readonly (readonly CellLines[])[]): number[] {
  return rows[0].map((_, column) =>
    Math.max(...rows.flatMap((row) => row[column].map(({ length }) => length)))
  );
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, 0);
}
