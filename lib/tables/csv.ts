/**
 * Tables and rows as CSV, written by polars: every number in full, for reading back. Text with
 * commas or quotes is quoted, and none is a formula; what was not measured is empty.
 */

import type pl from "nodejs-polars";
import { visible } from "../figures/characters.ts";
import { type Cell, checkLength, type Table } from "./table.ts";

/** What one field of a CSV holds. */
type Field = string | number | null;

/** A row with named cells. */
export type CellRow = Readonly<Record<string, Field>>;

/**
 * A table as CSV, its column names as header; a column of intervals becomes three, the ends named
 * `… (low)` and `… (high)`. Of columns with one name, those after the first are numbered: `… (2)`.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export async function tableToCsv({ title, columns, rows }: Table): Promise<string> {
  rows.forEach((row, index) => checkLength(title, columns, row, index));
  return await toCsv(
    columns.flatMap(({ name }, index) => fields(name, rows.map((row) => row[index]))),
  );
}

/** Rows as CSV, in the order of the first row's names; a name that a row lacks is empty there. */
export async function rowsToCsv(rows: readonly CellRow[]): Promise<string> {
  const names = Object.keys(rows[0] ?? {});
  return await toCsv(names.map((name) => [name, rows.map((row) => row[name] ?? null)]));
}

type Fields = readonly [name: string, cells: readonly Field[]];

function fields(name: string, cells: readonly Cell[]): Fields[] {
  const pick = (end: "value" | "low" | "high", otherwise: (cell: Field) => Field) =>
    cells.map((cell) => cell !== null && typeof cell === "object" ? cell[end] : otherwise(cell));
  const values: Fields = [name, pick("value", (cell) => cell)];
  if (!cells.some((cell) => cell !== null && typeof cell === "object")) return [values];
  return [
    values,
    [`${name} (low)`, pick("low", () => null)],
    [`${name} (high)`, pick("high", () => null)],
  ];
}

/** Beginnings that spreadsheets take for a formula, in the widths of East Asia too. */
const formula = /^\s*[=+\-@＝＋－＠]/u;

/**
 * Text that stays text: with numbers for what cannot be seen, and an apostrophe before what a spreadsheet
 * would run as a formula (OWASP, "CSV injection").
 */
function plain(text: string): string {
  const seen = visible(text);
  return formula.test(seen) ? `'${seen}` : seen;
}

async function toCsv(columns: readonly Fields[]): Promise<string> {
  const { default: polars } = await import("nodejs-polars");
  const names = distinct(columns.map(([name]) => plain(name)));
  const frame = polars.DataFrame(
    columns.map(([, cells], index) => series(polars, names[index], cells)),
  );
  return frame.writeCSV().toString();
}

function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    let own = name;
    for (let count = 2; taken.has(own); count++) own = `${name} (${count})`;
    taken.add(own);
    return own;
  });
}

function series(polars: typeof pl, name: string, cells: readonly Field[]): pl.Series {
  const known = cells.filter((cell) => cell !== null);
  if (known.some((cell) => typeof cell === "string")) {
    const text = cells.map((cell) => typeof cell === "string" ? plain(cell) : cell);
    return polars.Series(
      name,
      text.map((cell) => cell === null ? null : String(cell)),
      polars.Utf8,
    );
  }
  // By way of floats: nodejs-polars turns a null in an array of integers into 0.
  const numbers = polars.Series(name, cells as (number | null)[], polars.Float64);
  return known.every(Number.isSafeInteger) ? numbers.cast(polars.Int64) : numbers;
}
