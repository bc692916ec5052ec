/** What can go wrong with a notebook, beside the errors that all of `lib/` shares. */

import { type Fault, InputError } from "../util/errors.ts";
import type { Notebook } from "./notebook.ts";

/** A notebook that cannot be read as one, or is not as it should be. */
export class NotebookError extends InputError {
  /**
   * Made where a notebook is read or run.
   *
   * @param details lines that follow the message.
   */
  constructor(fault: Fault, details: string[] = []) {
    super(fault);
    this.message += details.map((line) => `\n${line}`).join("");
  }
}

/** A kernel that does not start, does not answer or ends before it is told to. */
export class KernelError extends InputError {}

/** Characters of a line that a message shows. */
const LONGEST_LINE = 1000;

/** Where in a notebook a run stopped. */
export interface CellPlace {
  /** The cell's number as Jupyter shows it, `[number]`: code cells that are not empty, from 1. */
  number: number;
  /** What the cell says. */
  source: string;
  /** What the kernel says of the fault: lines of a stack trace, or of its log. */
  trace: string[];
}

/** A cell that throws, never ends, or takes its kernel with it; the message ends with its source and trace. */
export class CellError extends InputError {
  /** The cell at fault. */
  readonly cell: CellPlace;
  /** The notebook as far as it ran, the trace in it; set where the run ends. */
  executed?: Notebook;

  /** Made where a cell is run. */
  constructor(fault: Fault, cell: CellPlace) {
    super(fault);
    this.cell = cell;
    const source = cell.source.split("\n").map((line) => `  | ${line}`);
    this.message += ["", ...source, ...cell.trace].map(cut).join("\n");
  }
}

function cut(text: string): string {
  return text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
}
