/** The column or field that holds a row's text: the first of the usual ones, or the one asked for. */

import { TextError } from "../../util/errors.ts";

/** Columns that may hold the text; the first present one counts, as in the study. */
export const textColumns = ["text", "content", "sentence"];

/** The cell of a row, and what it stands under. */
export interface FoundCell {
  readonly column: string;
  readonly value: unknown;
}

/**
 * The column of a table that holds its text. A nested one is found by its first part.
 *
 * @param present all columns of the table.
 * @param wanted the one asked for; `undefined`: the first of {@linkcode textColumns}.
 * @throws {TextError} if it is not there, with those that are.
 */
export function findColumn(
  present: readonly string[],
  wanted: string | undefined,
  file: string,
): { readonly column: string; readonly root: string } {
  const candidates = wanted === undefined ? textColumns : [wanted];
  const whole = candidates.find((each) => present.includes(each));
  if (whole !== undefined) return { column: whole, root: whole };
  const root = present.find((each) => wanted?.startsWith(`${each}.`));
  if (root !== undefined && wanted !== undefined) return { column: wanted, root };
  throw new TextError({
    problem: wanted === undefined ? "has no column of text" : `has no column "${wanted}"`,
    file,
    value: present,
    expected: wanted === undefined
      ? `${quoted(textColumns)}, or the name of another column`
      : "a column that it has",
  });
}

/** The value at `column` in a row: under that name, or of the nested field `a.b`; `undefined` if it has none. */
export function cellAt(row: object, column: string): unknown {
  if (Object.hasOwn(row, column)) return (row as Record<string, unknown>)[column];
  for (let dot = column.indexOf("."); dot > 0; dot = column.indexOf(".", dot + 1)) {
    const inner = Object.hasOwn(row, column.slice(0, dot))
      ? (row as Record<string, unknown>)[column.slice(0, dot)]
      : undefined;
    if (inner === null) return null;
    if (typeof inner !== "object" || Array.isArray(inner)) continue;
    const found = cellAt(inner, column.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The cell of text of a row in JSON.
 *
 * @throws {TextError} if the row is no object or has no such field.
 */
export function findCell(
  row: unknown,
  wanted: string | undefined,
  file: string,
  number: number,
): FoundCell {
  const candidates = wanted === undefined ? textColumns : [wanted];
  const expected = `an object with a string under ${quoted(candidates)}`;
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw new TextError({ problem: `row ${number} is no object`, file, value: row, expected });
  }
  for (const column of candidates) {
    const value = cellAt(row, column);
    if (value !== undefined) return { column, value };
  }
  const value = Object.keys(row);
  throw new TextError({ problem: `row ${number} has no text`, file, value, expected });
}

/**
 * A cell as text; `null` stays what it is.
 *
 * @throws {TextError} if it is anything but a string.
 */
export function cellText(
  { column, value }: FoundCell,
  file: string,
  number: number,
): string | null {
  if (value === null || typeof value === "string") return value;
  const problem = `row ${number} has no text under "${column}"`;
  throw new TextError({ problem, file, value, expected: "a string" });
}

function quoted(names: readonly string[]): string {
  return names.map((each) => `"${each}"`).join(" or ");
}
