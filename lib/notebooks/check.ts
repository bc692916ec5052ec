/**
 * Checks the code of notebooks, which a kernel runs unchecked: types by `deno check`, style by
 * `deno lint`, both by the rules of the `deno.json` that the notebooks follow. Both know no notebooks:
 * the cells of one are a module to them, of which each line leads back to its cell.
 */

import { fileURLToPath } from "node:url";
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "../util/files.ts";
import { type CodeCell, hasTag, type Notebook, runnableCells } from "./notebook.ts";
import { readNotebook } from "./notebook_file.ts";

/** What `deno lint --json` answers, as far as it is read. */
const lintReport = v.object({
  diagnostics: v.array(v.object({
    range: v.object({ start: v.object({ line: v.number(), col: v.number() }) }),
    message: v.string(),
    code: v.string(),
    hint: v.nullish(v.string()),
  })),
});

/** A notebook's file and its code. */
interface Extracted {
  file: string;
  module: CellsModule;
}

/**
 * Checks notebooks.
 *
 * Their code lies for a moment beside them, under names that no other file has, so that what it imports
 * is found.
 *
 * @returns what is wrong, with notebook, cell and line; empty if nothing is.
 * @throws {NotebookError} if a file is not a notebook.
 * @throws {OutputError} if nothing can be written beside it.
 *
 * @example
 * ```ts
 * import { checkNotebooks, NotebookError, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * // What is no notebook cannot be checked.
 * await assert.rejects(checkNotebooks([projectPath("README.md")]), NotebookError);
 * ```
 */
export async function checkNotebooks(files: string[]): Promise<string[]> {
  const extracted: Extracted[] = [];
  for (const file of files) extracted.push({ file, module: cellsModule(await readNotebook(file)) });
  const problems = await typeProblems(extracted);
  for (const one of extracted) problems.push(...await lintProblems(one));
  return problems;
}

async function typeProblems(extracted: Extracted[]): Promise<string[]> {
  const modules = new Map(
    extracted.map((one) => [resolve(`${one.file}.${crypto.randomUUID()}.ts`), one]),
  );
  try {
    for (const [path, { module }] of modules) await writeFileAtomic(path, module.source);
    const { success, stderr } = await deno(["check", "--quiet", ...modules.keys()]);
    if (success) return [];
    const report = stderr.replace(/\n+(error: Type checking failed|Stack backtrace)[^]*/, "")
      .replace(
        /(file:\S+?):(\d+):(\d+)/g,
        (place, url, line, column) => {
          const one = modules.get(fileURLToPath(url));
          return one && locate(one, Number(line), Number(column)) || place;
        },
      );
    return [report.trim()];
  } finally {
    for (const path of modules.keys()) await Deno.remove(path).catch(() => {});
  }
}

async function lintProblems({ file, module }: Extracted): Promise<string[]> {
  // From standard input, as files may be excluded from linting by where they lie.
  const options = { cwd: dirname(file), input: module.source };
  const { stdout } = await deno(["lint", "--json", "--ext=ts", "-"], options);
  const { diagnostics } = v.parse(lintReport, JSON.parse(stdout));
  const problems: string[] = [];
  for (const { range: { start }, message, code, hint } of diagnostics) {
    const place = module.locate(start.line);
    // Lines of no cell are ours. A parameter may be one to be assigned to by whoever runs the notebook.
    if (!place || (code === "prefer-const" && hasTag(place.cell, "parameters"))) continue;
    const at = locate({ file, module }, start.line, start.col + 1);
    problems.push(`${code}: ${message}${hint ? ` (${hint})` : ""}\n    at ${at}`);
  }
  return problems;
}

function locate({ file, module }: Extracted, line: number, column: number): string | undefined {
  // A fault may show after a cell, where what the cell leaves open is missed.
  const place = module.locate(line) ?? module.locate(line - 1);
  return place && `${file}, cell [${place.number}], line ${place.line}:${column}`;
}

async function deno(
  args: string[],
  { cwd, input = "" }: { cwd?: string; input?: string } = {},
): Promise<{ success: boolean; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const process = command.spawn();
  const [{ success, stdout, stderr }] = await Promise.all([
    process.output(),
    new Blob([input]).stream().pipeTo(process.stdin),
  ]);
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A place in a notebook's code. */
export interface CellLine {
  /** The cell's number as Jupyter shows it. */
  number: number;
  cell: CodeCell;
  /** Line in the cell, from 1. */
  line: number;
}

/** Cells as a module. */
export interface CellsModule {
  source: string;
  /** The cell that holds a line of `source`, counted from 1; none if the line is of no cell. */
  locate(line: number): CellLine | undefined;
}

/** What stands between two cells: no cell goes on in the next. */
const SEPARATOR = ";";
/** Makes a module of it, which may await at its top level. */
const END = "export {};\n";

/**
 * The cells of a notebook as one module, in their order. Injected parameters are left out: they declare
 * again what the cell before them declares, which a kernel allows and a module does not.
 */
export function cellsModule(notebook: Notebook): CellsModule {
  const lines: string[] = [];
  const places: (CellLine | undefined)[] = [];
  for (const [index, cell] of runnableCells(notebook).entries()) {
    if (hasTag(cell, "injected-parameters")) continue;
    for (const [line, text] of cell.source.split("\n").entries()) {
      lines.push(text);
      places.push({ number: index + 1, cell, line: line + 1 });
    }
    lines.push(SEPARATOR);
    places.push(undefined);
  }
  return { source: [...lines, END].join("\n"), locate: (line) => places[line - 1] };
}
