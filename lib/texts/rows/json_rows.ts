/** Rows in JSON: one object a line, an array of them, or one alone; and how they are told from other text. */

import { TextError } from "../../util/errors.ts";
import { cellAt, cellText, findCell, textColumns } from "./column.ts";
import type { RowCursor, TextRow } from "./row.ts";

/** Rows from whose form a file's is told: by more than half of them. */
export const ROWS_LOOKED_AT = 10;
/** How a row begins, though the rest of it may be damaged. */
const ROW_START = new RegExp(`^\\s*\\{\\s*"(${textColumns.join("|")})"\\s*:`);

/**
 * What the first lines of a text say of it: `rows` of JSON a line; `whole` where all of it must be read to
 * tell; `none`: no JSON.
 *
 * @param name of its file: `.jsonl` and its like have rows a line whatever they hold.
 */
export function isJsonRows(lines: readonly string[], name: string): "rows" | "whole" | "none" {
  if (/\.(jsonl|ndjson|jsonlines)(\.gz)?$/i.test(name)) return "rows";
  const filled = lines.filter((line) => line.trim() !== "");
  // An array may have a row a line, which then look like rows though its brackets are lines too.
  if (/^\s*\[/.test(filled[0] ?? "")) return "whole";
  if (looksLikeRows(filled)) return "rows";
  return isNamedJson(name) || /^\s*\{/.test(filled[0] ?? "") ? "whole" : "none";
}

/**
 * The rows of JSON lines that are asked for; blank lines are none.
 *
 * @throws {TextError} if one of them is no JSON, no object, or has no text.
 */
export async function* jsonRows(
  lines: Iterable<string> | AsyncIterable<string>,
  file: string,
  column: string | undefined,
  cursor: RowCursor,
): AsyncGenerator<TextRow> {
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    if (cursor.next()) yield rowOf(parsedRow(line, file, number), file, column, number);
    if (cursor.isDone) return;
  }
}

/**
 * The rows of a text that is one JSON value: an object, or an array of them; or of rows that only all of it
 * shows to be such. By any other name than one of JSON it may be code, and gives `null` unless its first
 * row has a text.
 *
 * @throws {TextError} as {@linkcode jsonRows}; if it is no JSON though its name has it.
 */
export function wholeJsonRows(
  text: string,
  { file, name }: { readonly file: string; readonly name: string },
  column: string | undefined,
  cursor: RowCursor,
): Iterable<TextRow> | AsyncIterable<TextRow> | null {
  const isNamed = isNamedJson(name);
  const json = /^\s*[[{]/.test(text) ? parsed(text) : undefined;
  if (json === undefined) {
    const lines = text.split("\n");
    const filled = lines.filter((line) => line.trim() !== "").slice(0, ROWS_LOOKED_AT);
    if (looksLikeRows(filled)) return jsonRows(lines, file, column, cursor);
    if (!isNamed || !/^\s*[[{]/.test(text)) return null;
    const expected = "one JSON value, or a JSON object a line";
    throw new TextError({ problem: "is not JSON, as its name has it", file, expected });
  }
  const values: unknown[] = Array.isArray(json) ? json : [json];
  if (!isNamed && !hasText(values[0], column)) return null;
  const [first, after] = cursor.pass(values.length);
  return values.slice(first, after).map((value, index) => {
    return rowOf(value, file, column, first + index + 1);
  });
}

const isNamedJson = (name: string) => /\.json(\.gz)?$/i.test(name);

function rowOf(value: unknown, file: string, wanted: string | undefined, number: number): TextRow {
  const cell = findCell(value, wanted, file, number);
  return { number, text: cellText(cell, file, number), column: cell.column };
}

/** Whether most rows are JSON objects, or begin as one with a text. */
function looksLikeRows(rows: readonly string[]): boolean {
  const isRow = (row: string) =>
    ROW_START.test(row) || /^\s*\{/.test(row) && parsed(row) !== undefined;
  return rows.filter(isRow).length > rows.length / 2;
}

function parsedRow(row: string, file: string, number: number): unknown {
  const value = parsed(row);
  if (value !== undefined) return value;
  throw new TextError({
    problem: `row ${number} is not JSON, among rows of it`,
    file,
    value: row.trimEnd().slice(0, 40),
    expected: "one JSON object a row",
  });
}

function hasText(value: unknown, column: string | undefined): boolean {
  if (typeof value !== "object" || value === null) return false;
  const candidates = column === undefined ? textColumns : [column];
  return candidates.some((each) => cellAt(value, each) !== undefined);
}

/** What JSON says; `undefined` if it is none. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
