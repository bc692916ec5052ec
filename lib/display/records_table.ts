/**
 * Numbers at hand as tables: a few with their names, or records of one form, such as a data frame's
 * `toRecords()`. How a table looks stands in `view.ts` and `lib/tables`.
 */

import { ReportError } from "../figures/figure.ts";
import type { Cell, Column, Table } from "../tables/table.ts";
import { significant } from "../util/numbers.ts";

/** A row of named numbers and texts; `null` for what is missing. */
export type TableRecord = Readonly<Record<string, unknown>>;

/** A field of all records as a table is to have it. */
export interface RecordColumn {
  /** The field's name. */
  readonly of: string;
  /** Its heading, with the unit: `"Wall clock (s)"`; default: the field's name. */
  readonly name?: string;
  /** Decimals; a column of text has none. */
  readonly digits?: number;
  /** Names of the fields that hold the ends of its interval. */
  readonly interval?: readonly [low: string, high: string];
}

/** What a table has beside its records. */
export interface RecordsTableOptions {
  /** Stands above the table. */
  readonly title: string;
  /** Stands below it. */
  readonly note?: string;
  /** From left to right. */
  readonly columns: readonly RecordColumn[];
}

/**
 * One row a record, with the columns asked for, in that order. A record that lacks a field which others
 * have has an empty cell there.
 *
 * @throws {ReportError} if no record has such a field, or one has neither a number nor text there.
 *
 * @example
 * ```ts
 * import { recordsTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const records = [{ model: "base", kl: 0.25 }, { model: "base + delta", kl: 0.125 }];
 * const columns = [{ of: "model", name: "Model" }, { of: "kl", name: "KL (nats)", digits: 3 }];
 * const table = recordsTable(records, { title: "Distance", columns });
 * assert.deepEqual(table.rows, [["base", 0.25], ["base + delta", 0.125]]);
 * ```
 */
export function recordsTable(
  records: readonly TableRecord[],
  { title, note, columns }: RecordsTableOptions,
): Table {
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const cells = columns.map(({ of, interval }) => {
    const values = fieldsOf(records, of, names, title);
    if (!interval) return values;
    const [low, high] = interval.map((end) => fieldsOf(records, end, names, title));
    return values.map((value, row) => withEnds(value, low[row], high[row]));
  });
  return {
    title,
    ...(note === undefined ? {} : { note }),
    columns: columns.map(({ of, name = of, digits }): Column =>
      digits === undefined ? { name } : { name, digits }
    ),
    rows: records.map((_, row) => cells.map((column) => column[row])),
  };
}

/**
 * One row a quantity: numbers with four significant digits, whole numbers and texts as they are.
 *
 * @param values by name, with the unit: `"‖Δ‖"`, `"Wall clock (s)"`
 *
 * @example
 * ```ts
 * import { valuesTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { rows } = valuesTable("Norms", { "‖Δ‖": 1 / 3, "Rows": 12345 });
 * assert.deepEqual(rows, [["‖Δ‖", "0.3333"], ["Rows", "12345"]]);
 * ```
 */
export function valuesTable(
  title: string,
  values: Readonly<Record<string, number | string>>,
  note?: string,
): Table {
  const text = (value: number | string) =>
    typeof value === "string" || Number.isSafeInteger(value) ? String(value) : significant(value);
  return {
    title,
    columns: [{ name: "Quantity" }, { name: "Value" }],
    rows: Object.entries(values).map(([name, value]) => [name, text(value)]),
    ...(note === undefined ? {} : { note }),
  };
}

type Field = string | number | null;

function fieldsOf(
  records: readonly TableRecord[],
  name: string,
  names: readonly string[],
  title: string,
): Field[] {
  if (!names.includes(name)) throw unusable(title, name, "is not there", names.join(", "));
  return records.map(({ [name]: value = null }): Field => {
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
