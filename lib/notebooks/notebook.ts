/**
 * A notebook in memory, after Jupyter's nbformat 4.5, with every text as one string. Reading, writing
 * and running it are elsewhere.
 */

/** What a JSON object holds. */
export type JsonObject = Record<string, unknown>;

/** Representations of one value, keyed by MIME type. */
export type MimeBundle = Record<string, unknown>;

/** Text written to a stream. */
export interface StreamOutput {
  /** That it is one. */
  output_type: "stream";
  /** Which stream. */
  name: "stdout" | "stderr";
  /** What was written. */
  text: string;
}

/** A value that a cell displays. */
export interface DisplayOutput {
  /** That it is one. */
  output_type: "display_data";
  /** Its representations. */
  data: MimeBundle;
  /** By MIME type. */
  metadata: JsonObject;
}

/** The value of a cell's last expression. */
export interface ResultOutput {
  /** That it is one. */
  output_type: "execute_result";
  /** Its representations. */
  data: MimeBundle;
  /** By MIME type. */
  metadata: JsonObject;
  /** The cell's. */
  execution_count: number | null;
}

/** What a cell threw. */
export interface ErrorOutput {
  /** That it is one. */
  output_type: "error";
  /** Its class. */
  ename: string;
  /** Its message. */
  evalue: string;
  /** Lines of its stack. */
  traceback: string[];
}

/** What a code cell leaves below itself. */
export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

/** What every cell has. */
export interface CellBase {
  /** Unique in its notebook, `[a-zA-Z0-9_-]{1,64}`. */
  id: string;
  /** Tags, and what programs keep. */
  metadata: JsonObject;
  /** What it says. */
  source: string;
}

/** A cell that runs. */
export interface CodeCell extends CellBase {
  /** That it is one. */
  cell_type: "code";
  /** Its number in the run that its outputs are of. */
  execution_count: number | null;
  /** What it left below itself. */
  outputs: Output[];
}

/** A cell that is read. */
export interface TextCell extends CellBase {
  /** Which kind. */
  cell_type: "markdown" | "raw";
  /** Pictures in it, by name. */
  attachments?: Record<string, MimeBundle>;
}

/** One cell. */
export type Cell = CodeCell | TextCell;

/** A notebook. */
export interface Notebook {
  /** Version of the format. */
  nbformat: 4;
  /** Its minor version, 5 or later. */
  nbformat_minor: number;
  /** Of the kernel and language. */
  metadata: JsonObject;
  /** In their order. */
  cells: Cell[];
}

/** Whether a cell carries a tag. */
export function hasTag(cell: Cell, tag: string): boolean {
  const { tags } = cell.metadata;
  return Array.isArray(tags) && tags.includes(tag);
}

/**
 * The cells that a kernel runs, in order: code that is not blank and not tagged `skip-execution`. A cell's
 * number is its place here, from 1.
 *
 * @example
 * ```ts
 * import { type Notebook, runnableCells } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const notebook: Notebook = {
 *   ...{ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec: { name: "deno" } } },
 *   cells: [{
 *     ...{ cell_type: "code", id: "a", metadata: { tags: ["parameters"] } },
 *     ...{ source: "const seed = 1;", execution_count: null, outputs: [] },
 *   }],
 * };
 * assert.deepEqual(runnableCells(notebook).map(({ source }) => source), ["const seed = 1;"]);
 * ```
 */
export function runnableCells(notebook: Notebook): CodeCell[] {
  return notebook.cells.filter((cell): cell is CodeCell =>
    cell.cell_type === "code" && cell.source.trim() !== "" && !hasTag(cell, "skip-execution")
  );
}
