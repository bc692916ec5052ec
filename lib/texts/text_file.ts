/**
 * A user's own text as documents. Prose, and rows of JSON under whatever name: rows are told by what
 * they look like, so that none is ever scored with its braces and quotes.
 */

import { basename } from "node:path";
import { TextError } from "../util/errors.ts";
import type { TextDocument } from "./document.ts";
import { readTextSource } from "./text_source.ts";

/** Fields that may hold a row's text, the first present one counts. */
const textFields = ["text", "content", "sentence"];

/** Rows from whose form a file's is told: by more than half of them. */
const ROWS_LOOKED_AT = 10;
/** How a row begins, though the rest of it may be damaged. */
const ROW_START = new RegExp(`^\\s*\\{\\s*"(${textFields.join("|")})"\\s*:`);

/**
 * Reads JSON lines as one document a row and any other text as one document. JSON lines are files named
 * so (`.jsonl`, `.ndjson`, in any case, gzipped or not), and texts most of whose first rows are JSON
 * objects, as C4's `.json` files; one JSON object with a text, an array of them, and all JSON in a
 * `.json` file is read alike. Rows without text are an error, blank rows and rows of blank text are skipped.
 *
 * @param path a file, pipe or standard input.
 * @throws {TextError} if the text cannot be read, is not UTF-8, is blank, is a table (`.csv`, `.tsv`), or
 * has a malformed row.
 *
 * @example
 * ```ts
 * import { textFile } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await Deno.writeTextFile(path, '{"text": "one"}\n{"text": "two"}\n');
 * assert.deepEqual((await textFile(path)).map(({ text }) => text), ["one", "two"]);
 * await Deno.remove(path);
 * ```
 */
export async function textFile(path: string): Promise<TextDocument[]> {
  const name = basename(path);
  if (/\.(csv|tsv)(\.gz)?$/i.test(name)) {
    const expected = "prose, or JSON lines with the text of each row";
    throw new TextError({ problem: "is a table by its name", file: path, expected });
  }
  const text = await readTextSource(path);
  const isNamedRows = /\.(jsonl|ndjson|jsonlines)(\.gz)?$/i.test(name);
  const isNamedJson = /\.json(\.gz)?$/i.test(name);
  // An array may have a row a line, which then look like rows though its brackets are lines too.
  const array = !isNamedRows && /^\s*\[/.test(text) ? wholeJson(text, isNamedJson) : null;
  const rows = array ??
    (isNamedRows || looksLikeRows(text) ? rowsOf(text, path) : wholeJson(text, isNamedJson));
  if (rows === null && isNamedJson && /^\s*[[{]/.test(text)) {
    const expected = "one JSON value, or a JSON object a line";
    throw new TextError({ problem: "is not JSON, as its name has it", file: path, expected });
  }
  const documents = rows?.map(({ value, number }) => ({
    name: `${name}:${number}`,
    text: rowText(value, path, number),
  })) ?? [{ name, text }];
  const filled = documents.filter((document) => document.text.trim() !== "");
  if (filled.length > 0) return filled;
  throw new TextError({ problem: "holds no text", file: path, expected: "at least one word" });
}

interface Row {
  readonly value: unknown;
  /** Place in the file, from 1: of the line, or in the array. */
  readonly number: number;
}

/** Whether most of the first rows that are not blank are JSON objects, or begin as one with a text. */
function looksLikeRows(text: string): boolean {
  const rows: string[] = [];
  for (const [row] of text.matchAll(/[^\n]*\S[^\n]*/g)) {
    if (rows.push(row) === ROWS_LOOKED_AT) break;
  }
  const isRow = (row: string) =>
    ROW_START.test(row) || /^\s*\{/.test(row) && parsed(row) !== undefined;
  return rows.filter(isRow).length > rows.length / 2;
}

function rowsOf(text: string, file: string): Row[] {
  return text.split("\n").flatMap((row, index) => {
    if (row.trim() === "") return [];
    const value = parsed(row);
    if (value !== undefined) return [{ value, number: index + 1 }];
    throw new TextError({
      problem: `row ${index + 1} is not JSON, among rows of it`,
      file,
      value: row.slice(0, 40),
      expected: "one JSON object a row",
    });
  });
}

/**
 * The rows of a text that is one JSON value: an object, or an array of them. By any other name than one
 * of JSON it may be code, and gives `null` unless its first has a text.
 */
function wholeJson(text: string, isNamedJson: boolean): Row[] | null {
  const json = /^\s*[[{]/.test(text) ? parsed(text) : undefined;
  if (json === undefined) return null;
  const values: unknown[] = Array.isArray(json) ? json : [json];
  return isNamedJson || hasText(values[0])
    ? values.map((value, index) => ({ value, number: index + 1 }))
    : null;
}

function hasText(value: unknown): boolean {
  return typeof value === "object" && value !== null && textFields.some((field) => field in value);
}

/** What JSON says; `undefined` if it is none. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function rowText(value: unknown, file: string, number: number): string {
  const wanted = textFields.map((field) => `"${field}"`).join(" or ");
  const expected = `an object with a string under ${wanted}`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TextError({ problem: `row ${number} is no object`, file, value, expected });
  }
  const fields = new Map<string, unknown>(Object.entries(value));
  const field = textFields.find((each) => fields.has(each));
  if (field === undefined) {
    const value = [...fields.keys()];
    throw new TextError({ problem: `row ${number} has no text`, file, value, expected });
  }
  const text = fields.get(field);
  if (typeof text === "string") return text;
  const problem = `row ${number} has no text under "${field}"`;
  throw new TextError({ problem, file, value: text, expected: "a string" });
}
