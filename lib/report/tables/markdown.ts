/** Tables as Markdown (GitHub's), for a README or a terminal. */

import { markdownTable } from "markdown-table";
import { alignments, formatCells, type Table } from "./table.ts";

/**
 * The title in bold, the table, and its note.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableToMarkdown(table: Table): string {
  const header = table.columns.map(({ name }) => name);
  const lines = [header, ...formatCells(table)].map((row) => row.map(escapeCell));
  const parts = [`**${table.title}**`, markdownTable(lines, { align: alignments(table) })];
  if (table.note) parts.push(table.note);
  return parts.join("\n\n") + "\n";
}

/** A cell is one line, and a bar would end it. */
function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replace(/\s*\n\s*/g, " ");
}
