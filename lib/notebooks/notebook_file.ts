/**
 * Notebook files: read and checked against nbformat 4, written as Jupyter itself writes them (keys
 * sorted, one space of indent, texts as lists of lines), so that saving from either leaves no diff.
 *
 * Source of the layout: https://nbformat.readthedocs.io/en/latest/format_description.html
 */

import * as v from "valibot";
import { firstIssue } from "../checkpoint/schema_issue.ts";
import { writeFileAtomic } from "../files.ts";
import { NotebookError } from "./errors.ts";
import type { Cell, JsonObject, Notebook } from "./notebook.ts";
import { mapBundle, notebookSchema } from "./notebook_schema.ts";

/**
 * Reads a notebook. Cells of a file from before nbformat 4.5 have no ids and are given `cell-<position>`.
 *
 * @throws {NotebookError} if the file is absent, not JSON or not a notebook of nbformat 4.
 */
export async function readNotebook(path: string): Promise<Notebook> {
  let content: string;
  try {
    content = await Deno.readTextFile(path);
  } catch (cause) {
    throw new NotebookError({
      problem: "cannot be read",
      file: path,
      value: (cause as Error).message,
      expected: "a notebook file",
      cause,
    });
  }
  return parseNotebook(content, path);
}

/**
 * Reads a notebook from its text.
 *
 * @param path names it in errors.
 * @throws {NotebookError} if it is not JSON or not a notebook of nbformat 4.
 */
export function parseNotebook(content: string, path: string): Notebook {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch (cause) {
    throw new NotebookError({
      problem: "is not JSON",
      file: path,
      value: (cause as Error).message,
      expected: "a notebook of nbformat 4",
      cause,
    });
  }
  const parsed = v.safeParse(notebookSchema, json);
  if (!parsed.success) {
    const issue = firstIssue(parsed.issues);
    throw new NotebookError({ problem: "is not a notebook of nbformat 4", file: path, ...issue });
  }
  const cells = identified(parsed.output.cells as (Cell & { id?: string })[], path);
  return { ...parsed.output, nbformat_minor: Math.max(5, parsed.output.nbformat_minor), cells };
}

/** The text of a notebook's file. */
export function formatNotebook(notebook: Notebook): string {
  const cells = notebook.cells.map((cell) => {
    const split: JsonObject = { ...cell, source: lines(cell.source) };
    if (cell.cell_type !== "code") return split;
    split.outputs = cell.outputs.map((output) => {
      if (output.output_type === "stream") return { ...output, text: lines(output.text) };
      if (output.output_type === "error") return output;
      return { ...output, data: mapBundle(output.data, splitLines) };
    });
    return split;
  });
  return JSON.stringify(sorted({ ...notebook, cells }), null, 1) + "\n";
}

/**
 * Writes a notebook; the file holds all of it or what it held before.
 *
 * @throws {OutputError} if it cannot be written.
 */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  await writeFileAtomic(path, formatNotebook(notebook));
}

function identified(cells: (Cell & { id?: string })[], path: string): Cell[] {
  const ids = new Set<string>();
  for (const [index, cell] of cells.entries()) {
    cell.id ??= `cell-${index + 1}`;
    if (ids.has(cell.id)) {
      throw new NotebookError({
        problem: "has two cells of one id",
        file: path,
        value: cell.id,
        expected: "an id of its own for each cell",
      });
    }
    ids.add(cell.id);
  }
  return cells;
}

function splitLines(value: unknown, mime: string): unknown {
  const isText = mime.startsWith("text/") || mime === "image/svg+xml" ||
    mime === "application/javascript";
  return isText && typeof value === "string" ? lines(value) : value;
}

function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => a < b ? -1 : 1).map(([key, entry]) => [key, sorted(entry)]),
  );
}
