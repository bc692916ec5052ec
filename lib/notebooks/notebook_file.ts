/**
 * Notebook files: read and checked against nbformat 4, written as Jupyter itself writes them (keys
 * sorted, one space of indent, texts as lists of lines), so that saving from either leaves no diff.
 *
 * Source of the layout: https://nbformat.readthedocs.io/en/latest/format_description.html
 */

import * as v from "valibot";
import { firstIssue } from "../util/json_file.ts";
import { writeFileAtomic } from "../util/files.ts";
import { readTextAs } from "../util/read_file.ts";
import { NotebookError } from "./errors.ts";
import { mend } from "./mend.ts";
import type { JsonObject, Notebook } from "./notebook.ts";
import { mapBundle, notebookSchema } from "./notebook_schema.ts";

/** Deno in a kernel's name, and not as a part of another word. */
const DENO = /(?<![a-z])deno(?![a-z])/i;

/** Far more than outputs are nested, and far less than what reads and writes them can follow. */
const DEEPEST = 500;

/**
 * Reads a notebook of Deno's kernel. Cells of a file from before nbformat 4.5 have no ids and are given
 * `cell-<position>`.
 *
 * @param onMended is told what is not as nbformat has it, and mended (`mend.ts`), if anything is.
 * @throws {NotebookError} if the file is absent, not UTF-8, not JSON, not a notebook of nbformat 4, or one
 *   of another kernel.
 *
 * @example
 * ```ts
 * import { type Figure, projectPath, readNotebook } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { cells } = await readNotebook(projectPath("notebooks/code.ipynb"));
 * assert.match(cells[0].source, /^# Figure 2/);
 * ```
 */
export async function readNotebook(
  path: string,
  onMended?: (fields: string[]) => void,
): Promise<Notebook> {
  const content = await readTextAs(path, NotebookError, "a notebook file");
  return parseNotebook(content, path, onMended);
}

/**
 * Reads a notebook from its text.
 *
 * @param path names it in errors.
 * @throws {NotebookError} as {@linkcode readNotebook}.
 */
export function parseNotebook(
  content: string,
  path: string,
  onMended?: (fields: string[]) => void,
): Notebook {
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
  if (isDeeperThan(json, DEEPEST)) {
    throw new NotebookError({
      problem: `is nested more than ${DEEPEST} deep`,
      file: path,
      expected: "a notebook of nbformat 4",
    });
  }
  const mended = mend(json);
  const parsed = v.safeParse(notebookSchema, json);
  if (!parsed.success) {
    const issue = firstIssue(parsed.issues);
    throw new NotebookError({ problem: "is not a notebook of nbformat 4", file: path, ...issue });
  }
  const notebook = parsed.output as Notebook;
  requireDeno(notebook, path);
  if (mended.length > 0) onMended?.(mended);
  return { ...notebook, nbformat_minor: Math.max(5, notebook.nbformat_minor) };
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
 *
 * @example
 * ```ts
 * import { projectPath, readNotebook, writeNotebook } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const notebook = await readNotebook(projectPath("notebooks/code.ipynb"));
 * const copy = await Deno.makeTempFile({ suffix: ".ipynb" });
 * await writeNotebook(copy, notebook);
 * assert.deepEqual(await readNotebook(copy), notebook);
 * await Deno.remove(copy);
 * ```
 */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  await writeFileAtomic(path, formatNotebook(notebook));
}

/**
 * A notebook says which kernel it is for, by names that its user may have chosen, and that kernel's
 * language; where it does not, it may say the language that it was last run in.
 */
function requireDeno({ metadata }: Notebook, file: string): void {
  const { kernelspec = {}, language_info } = metadata as Record<string, JsonObject | undefined>;
  const names = [kernelspec.name, kernelspec.display_name].filter(Boolean);
  const language = kernelspec.language || (names.length === 0 && language_info?.name);
  // A list would become a text, however deep it is.
  const says = (value: unknown, name: RegExp) => typeof value === "string" && name.test(value);
  const isDeno = (!language || says(language, /^(type|java)script$/i)) &&
    (names.length === 0 || names.some((name) => says(name, DENO)));
  if (isDeno) return;
  throw new NotebookError({
    problem: "is a notebook of another kernel",
    file,
    value: names[0] ?? language,
    expected: "a notebook of the kernel 'deno'",
  });
}

/** Without calls in calls, which what is deep enough would exhaust. */
function isDeeperThan(json: unknown, depth: number): boolean {
  let level = [json];
  for (; level.length > 0 && depth >= 0; depth--) {
    level = level.flatMap((each) =>
      typeof each === "object" && each !== null ? Object.values(each) : []
    );
  }
  return level.length > 0;
}

function splitLines(value: unknown, mime: string): unknown {
  const isText = mime.startsWith("text/") || mime === "image/svg+xml" ||
    mime === "application/javascript";
  return isText && typeof value === "string" ? lines(value) : value;
}

function lines(text: string): string[] {
  return text === "" ? [] : text.split(/(?<=\n)/);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => a < b ? -1 : 1).map(([key, entry]) => [key, sorted(entry)]),
  );
}
