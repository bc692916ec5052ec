/**
 * Data frames of polars as tables: which columns, under which names with their units, with how many
 * decimals. How a table looks stands in `table_view.ts` and `lib/tables`.
 */

import pl from "nodejs-polars";
import { ReportError } from "../figures/report_error.ts";
import type { Cell, Column, Table } from "../tables/table.ts";

/** A data frame of `nodejs-polars`, which documents it. */
export type DataFrame = ReturnType<(typeof import("nodejs-polars"))["default"]["readRecords"]>;

/** A frame's column as a table is to have it. */
export interface FrameColumn {
  /** Its name in the frame. */
  readonly of: string;
  /** Its heading, with the unit: `"Wall clock (s)"`; default: its name in the frame. */
  readonly name?: string;
  /** Decimals; a column of text has none. */
  readonly digits?: number;
  /** Names in the frame of the ends of its interval. */
  readonly interval?: readonly [low: string, high: string];
}

/** What a table has beside its frame. */
export interface FrameTableOptions {
  /** Stands above the table. */
  readonly title: string;
  /** Stands below it. */
  readonly note?: string;
  /** From left to right. */
  readonly columns: readonly FrameColumn[];
}

/**
 * A frame's rows with the columns asked for, in that order.
 *
 * @throws {ReportError} if the frame has no such column, or one of neither numbers nor text.
 */
export function frameTable(
  frame: DataFrame,
  { title, note, columns }: FrameTableOptions,
): Table {
  const cells = columns.map(({ of, interval }) => {
    const values = fieldsOf(frame, of, title);
    if (!interval) return values;
    const [low, high] = interval.map((end) => fieldsOf(frame, end, title));
    return values.map((value, row) => withEnds(value, low[row], high[row]));
  });
  return {
    title,
    ...(note === undefined ? {} : { note }),
    columns: columns.map(({ of, name = of, digits }): Column =>
      digits === undefined ? { name } : { name, digits }
    ),
    rows: Array.from({ length: frame.height }, (_, row) => cells.map((column) => column[row])),
  };
}

/** Rows of named numbers and texts as a frame; what one row lacks is null. */
export function recordsFrame(
  records: readonly Readonly<Record<string, string | number | null>>[],
): DataFrame {
  return pl.readRecords(records as Record<string, string | number | null>[]);
}

type Field = string | number | null;

function fieldsOf(frame: DataFrame, name: string, title: string): Field[] {
  if (!frame.columns.includes(name)) {
    throw unusable(title, name, "is not there", frame.columns.join(", "));
  }
  return frame.getColumn(name).toArray().map((value): Field => {
    if (value === null || typeof value === "number" || typeof value === "string") return value;
    if (typeof value === "bigint") return Number(value);
    throw unusable(title, name, "cannot be a cell", "numbers or text");
  });
}

function withEnds(value: Field, low: Field, high: Field): Cell {
  if (typeof value !== "number" || typeof low !== "number" || typeof high !== "number") {
    return value;
  }
  return { value, low, high };
}

function unusable(title: string, name: string, problem: string, expected: string): ReportError {
  return new ReportError({ problem, option: `column of '${title}'`, value: name, expected });
}
