/**
 * A user's own text as documents. Plain text and JSON lines only.
 */

import { basename, extname } from "node:path";
import { TextError } from "../errors.ts";
import type { TextDocument } from "./document.ts";

/** Fields that may hold a row's text, the first present one counts. */
const textFields = ["text", "content", "sentence"];

/**
 * Reads `.jsonl` as one document a row and any other file as one document. Rows without text are an
 * error, blank rows are skipped.
 *
 * @throws {TextError} if the file cannot be read, is not UTF-8, holds no text, or has a malformed row.
 */
export async function textFile(path: string): Promise<TextDocument[]> {
  const text = await readText(path);
  const name = basename(path);
  const documents = extname(path) === ".jsonl"
    ? text.split("\n").flatMap((row, index) =>
      row.trim() === ""
        ? []
        : [{ name: `${name}:${index + 1}`, text: rowText(row, path, index + 1) }]
    )
    : [{ name, text }];
  const filled = documents.filter((document) => document.text.trim() !== "");
  if (filled.length > 0) return filled;
  throw new TextError({ problem: "holds no text", file: path, expected: "at least one word" });
}

async function readText(path: string): Promise<string> {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
    return text.replaceAll("\r\n", "\n");
  } catch (cause) {
    const problem = cause instanceof TypeError ? "is not UTF-8" : "cannot be read";
    throw new TextError({ problem, file: path, expected: "a text file in UTF-8", cause });
  }
}

function rowText(row: string, file: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(row);
  } catch (cause) {
    throw new TextError({
      problem: `row ${number} is not JSON`,
      file,
      value: row.slice(0, 40),
      expected: "one JSON object a row",
      cause,
    });
  }
  const fields = new Map(Object.entries(value ?? {}));
  const text = textFields.map((field) => fields.get(field)).find((each) => each !== undefined);
  if (typeof text === "string") return text;
  throw new TextError({
    problem: `row ${number} has no text`,
    file,
    value: [...fields.keys()],
    expected: `a string under ${textFields.map((field) => `"${field}"`).join(" or ")}`,
  });
}
