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
  output_type: "stream";
  name: "stdout" | "stderr";
  text: string;
}

/** A value that a cell displays. */
export interface DisplayOutput {
  output_type: "display_data";
  data: MimeBundle;
  metadata: JsonObject;
}

/** The value of a cell's last expression. */
export interface ResultOutput {
  output_type: "execute_result";
  data: MimeBundle;
  metadata: JsonObject;
  execution_count: number | null;
}

/** What a cell threw. */
export interface ErrorOutput {
  output_type: "error";
  ename: string;
  evalue: string;
  traceback: string[];
}

/** What a code cell leaves below itself. */
export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

interface CellBase {
  /** Unique in its notebook, `[a-zA-Z0-9_-]{1,64}`. */
  id: string;
  metadata: JsonObject;
  source: string;
}

/** A cell that runs. */
export interface CodeCell extends CellBase {
  cell_type: "code";
  execution_count: number | null;
  outputs: Output[];
}

/** A cell that is read. */
export interface TextCell extends CellBase {
  cell_type: "markdown" | "raw";
  attachments?: Record<string, MimeBundle>;
}

/** One cell. */
export type Cell = CodeCell | TextCell;

/** A notebook. */
export interface Notebook {
  nbformat: 4;
  nbformat_minor: number;
  metadata: JsonObject;
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
 */
export function runnableCells(notebook: Notebook): CodeCell[] {
  return notebook.cells.filter((cell): cell is CodeCell =>
    cell.cell_type === "code" && cell.source.trim() !== "" && !hasTag(cell, "skip-execution")
  );
}
