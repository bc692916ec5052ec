/**
 * The code cells of a notebook as one TypeScript module, so that tools that know no notebooks can
 * check them, and back from a line of that module to its cell.
 */

import { type CodeCell, hasTag, type Notebook, runnableCells } from "./notebook.ts";

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
