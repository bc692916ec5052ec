/** Rows of tables, read by polars: CSV, of which every column is text, and Parquet, of which one is read. */

import { Buffer } from "node:buffer";
import { TextError } from "../../util/errors.ts";
import { allBytes, type OpenedText, type TextPlace } from "../text_source.ts";
import { cellAt, cellText, findColumn } from "./column.ts";
import type { RowCursor, TextRow } from "./row.ts";

/**
 * Rows of a table whose fields a comma or a tab separates, quoted by `"` where they hold one, a quote or an
 * end of line. The first row names the columns; an empty field is `null`, an empty quoted one is blank.
 *
 * @throws {TextError} if it is malformed, not UTF-8, or lacks the column.
 */
export async function csvRows(
  place: TextPlace,
  opened: OpenedText,
  separator: "," | "\t",
  wanted: string | undefined,
  cursor: RowCursor,
): Promise<Iterable<TextRow>> {
  const { file } = place;
  const { default: polars } = await import("nodejs-polars");
  const isFile = place.path !== null && !opened.isPacked;
  const body = isFile ? place.path : Buffer.from(await allBytes(opened.bytes, file));
  const frame = tableOr(
    file,
    `a table in UTF-8, with ${separator === "," ? "commas" : "tabs"}`,
    () =>
      polars.readCSV(body as string, {
        sep: separator,
        // Of no column the type is guessed: "007" and "NA" are texts.
        inferSchemaLength: 0,
        // Else fields that a row has too many of would be lost.
        truncateRaggedLines: false,
        ...Number.isFinite(cursor.left) ? { nRows: cursor.left } : {},
      }),
  );
  const { column, root } = findColumn(frame.columns, wanted, file);
  const [first, after] = cursor.pass(Math.min(frame.height, cursor.left));
  return rowsIn(
    frame.getColumn(root).slice(first, after - first).toArray(),
    first,
    column,
    root,
    file,
  );
}

/**
 * Rows of a Parquet table, of any compression and encoding that polars reads.
 *
 * @throws {TextError} if it is damaged or lacks the column.
 */
export async function parquetRows(
  place: TextPlace,
  opened: OpenedText,
  wanted: string | undefined,
  cursor: RowCursor,
): Promise<Iterable<TextRow>> {
  const { file, path } = place;
  const { default: polars } = await import("nodejs-polars");
  const expected = "a Parquet table that polars reads";
  const isFile = path !== null && !opened.isPacked;
  const bytes = isFile ? null : Buffer.from(await allBytes(opened.bytes, file));
  // A name is no pattern of names, and its folders are no columns.
  const literal = { glob: false, hivePartitioning: false };
  const lazy = tableOr(
    file,
    expected,
    () => bytes === null ? polars.scanParquet(path!, literal) : polars.readParquet(bytes).lazy(),
  );
  const columns = tableOr(file, expected, () => lazy.columns);
  const { column, root } = findColumn(columns, wanted, file);
  const height = tableOr(file, expected, () => {
    return Number(lazy.select(polars.len()).collectSync().row(0)[0]);
  });
  const [first, after] = cursor.pass(height);
  if (first === after) return [];
  const [frame, written] = tableOr(file, expected, () => {
    const frame = lazy.select(polars.col(root)).slice(first, after - first).collectSync();
    return [frame, String(frame.dtypes[0])] as const;
  });
  const type = written.replace(/^DataType\((.*)\)$/, "$1");
  if (column === root && !/^(String|Categorical|Enum|Null)/.test(type)) {
    const problem = `column "${column}" holds no strings`;
    throw new TextError({ problem, file, value: type, expected: "a column of strings" });
  }
  const cells = tableOr(file, expected, () => frame.getColumn(root).toArray());
  return rowsIn(cells, first, column, root, file);
}

function* rowsIn(
  cells: ArrayLike<unknown>,
  first: number,
  column: string,
  root: string,
  file: string,
): Generator<TextRow> {
  for (let index = 0; index < cells.length; index++) {
    const number = first + index + 1;
    const cell = cells[index] ?? null;
    const value = column === root ? cell : cell === null ? null : cellAt({ [root]: cell }, column);
    if (value === undefined) {
      throw new TextError({
        problem: `row ${number} has no text`,
        file,
        value: Object.keys(cell as object),
        expected: `a field "${column.slice(root.length + 1)}" in the column "${root}"`,
      });
    }
    yield { number, text: cellText({ column, value }, file, number), column };
  }
}

/** What `read` gives; what polars throws is a text error, in its first line. */
function tableOr<T>(file: string, expected: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const value = (cause as Error).message.trim().split("\n")[0];
    throw new TextError({ problem: "cannot be read as a table", file, value, expected, cause });
  }
}
