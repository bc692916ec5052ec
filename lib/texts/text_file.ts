/**
 * A file of text as documents: prose as one, rows under whatever name as one each. What is JSON is told by
 * what it looks like, so that none is ever scored with its braces and quotes; a table by its name, or by
 * its first bytes.
 */

import { TextError } from "../util/errors.ts";
import type { TextDocument } from "./document.ts";
import { isJsonRows, jsonRows, ROWS_LOOKED_AT, wholeJsonRows } from "./rows/json_rows.ts";
import { RowCursor, type TextRow } from "./rows/row.ts";
import { csvRows, parquetRows } from "./rows/table_rows.ts";
import { type RowChoice, rowRange } from "./text_choice.ts";
import type { RowCounts } from "./text_origin.ts";
import { localPlace, openText, textLines, type TextPlace } from "./text_source.ts";

/**
 * Reads rows as one document each and any other text as one document. Rows are tables (`.csv`, `.tsv` and
 * Parquet), JSON lines (`.jsonl`, `.ndjson`, in any case, gzipped or not), and texts most of whose first
 * rows are JSON objects, as C4's `.json` files; one JSON object with a text, an array of them, and all JSON
 * in a `.json` file is read alike. Rows of `null` and of blank text are skipped.
 *
 * @param path a file, pipe or standard input.
 * @param choice which rows and which column; of prose the rows are its lines, where some are asked for.
 * @throws {TextError} if the text cannot be read, is not UTF-8, is blank, has no such column, or has a
 * malformed row.
 */
export async function textFile(path: string, choice: RowChoice = {}): Promise<ReadPlaces> {
  return await readTextPlaces([await localPlace(path)], choice, path, "prose");
}

/** Documents of one or several files, and what was read of them. */
export interface ReadPlaces {
  readonly documents: TextDocument[];
  /** The files that were opened. */
  readonly files: readonly string[];
  /** Columns of the text; `undefined` where rows have none. */
  readonly column: string | undefined;
  /** `undefined` of prose. */
  readonly rows: RowCounts | undefined;
}

/**
 * Reads files after each other, as far as rows are asked for.
 *
 * @param source what errors call all of them.
 * @param lines what a text without rows is: one document, or one a line.
 * @throws {TextError} as {@linkcode textFile}.
 */
export async function readTextPlaces(
  places: Iterable<TextPlace> | AsyncIterable<TextPlace>,
  choice: RowChoice,
  source: string,
  lines: "prose" | "rows",
): Promise<ReadPlaces> {
  const cursor = new RowCursor(...rowRange(choice.rows));
  const documents: TextDocument[] = [];
  const files: string[] = [];
  const columns = new Set<string>();
  const isByLine = lines === "rows" || choice.rows !== undefined;
  let hasRows = false;
  const skipped = { null: 0, blank: 0 };
  for await (const place of places) {
    files.push(place.file);
    for await (const row of rowsOf(place, choice, cursor, isByLine)) {
      hasRows ||= typeof row !== "string";
      const { text, number, column }: TextRow = typeof row === "string"
        ? { text: row, number: 0, column: null }
        : row;
      if (column !== null) columns.add(column);
      if (text === null) skipped.null++;
      else if (text.trim() === "" && !choice.keepBlankRows) skipped.blank++;
      else documents.push({ name: number > 0 ? `${place.name}:${number}` : place.name, text });
    }
    if (cursor.isDone) break;
  }
  if (cursor.read === 0 && cursor.from > 0) {
    const expected = `more than ${cursor.from} rows, as from there on they are asked for`;
    throw new TextError({
      problem: "has too few rows",
      file: source,
      value: cursor.passed,
      expected,
    });
  }
  if (!documents.some(({ text }) => text.trim() !== "")) {
    const value = skipped.null + skipped.blank > 0 && hasRows
      ? `${skipped.null} rows of null and ${skipped.blank} blank ones`
      : undefined;
    const expected = "at least one word";
    throw new TextError({ problem: "holds no text", file: source, value, expected });
  }
  return {
    documents,
    files,
    column: columns.size > 0 ? [...columns].join(" or ") : undefined,
    rows: hasRows ? { first: cursor.from, read: cursor.read, ...skipped } : undefined,
  };
}

/** The rows of one file that are asked for; all of a prose that is not read by lines, as a string. */
async function* rowsOf(
  place: TextPlace,
  { column, rows: asked }: RowChoice,
  cursor: RowCursor,
  isByLine: boolean,
): AsyncGenerator<TextRow | string> {
  const { file, name } = place;
  const table = name.match(/\.(csv|tsv)(\.gz)?$/i)?.[1].toLowerCase();
  await using opened = await openText(place);
  if (table !== undefined) {
    yield* await csvRows(place, opened, table === "csv" ? "," : "\t", column, cursor);
    return;
  }
  if (opened.isParquet) {
    yield* await parquetRows(place, opened, column, cursor);
    return;
  }
  if (/\.parquet$/i.test(name)) {
    const expected = "a Parquet table";
    throw new TextError({ problem: "is no Parquet table, as its name has it", file, expected });
  }
  const lines = textLines(opened.bytes, file, asked !== undefined);
  const first: string[] = [];
  for (let filled = 0; filled < ROWS_LOOKED_AT;) {
    const { done, value } = await lines.next();
    if (done) break;
    first.push(value);
    if (value.trim() !== "") filled++;
  }
  const all = async function* () {
    yield* first;
    yield* lines;
  };
  const form = isJsonRows(first, name);
  if (form === "rows") {
    yield* jsonRows(all(), file, column, cursor);
    return;
  }
  const isLines = form === "none" && isByLine;
  const text = isLines ? "" : (await Array.fromAsync(all())).join("");
  const rows = isLines ? null : wholeJsonRows(text, place, column, cursor);
  if (rows === null && column !== undefined) {
    const expected = "a table, or rows of JSON, where a column is asked for";
    throw new TextError({ problem: "has no columns", file, option: column, expected });
  }
  if (rows !== null) yield* rows;
  else if (!isByLine) yield text;
  else yield* lineRows(isLines ? all() : text.match(/[^\n]*\n|[^\n]+$/g) ?? [], cursor);
}

async function* lineRows(
  lines: Iterable<string> | AsyncIterable<string>,
  cursor: RowCursor,
): AsyncGenerator<TextRow> {
  let number = 0;
  for await (const line of lines) {
    number++;
    if (cursor.next()) yield { number, text: line.replace(/\n$/, ""), column: null };
    if (cursor.isDone) return;
  }
}
