/**
 * What stands for Markdown where it is not drawn: in a terminal, and in a notebook that its reader has
 * not trusted. No marks, no escapes; tables in columns, paragraphs in lines.
 */

import { alignments, formatCells, type Table } from "../report/tables/table.ts";

/** Characters of a line of running text. */
const LINE = 90;

/**
 * A table in columns, between its title and its note.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function plainTable(table: Table): string {
  const lines = [table.columns.map(({ name }) => name), ...formatCells(table)];
  const widths = table.columns.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column].length))
  );
  const sides = alignments(table);
  const text = lines.map((cells) =>
    cells.map((cell, column) =>
      sides[column] === "r" ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
    ).join("  ").trimEnd()
  );
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const [header, ...rows] = text;
  const note = table.note ? ["", wrapped(table.note)] : [];
  return [table.title, "", header, rule, ...rows, ...note].join("\n");
}

/** Markdown's running text without the marks of bold, italic and code, in lines. */
export function plainParagraphs(markdown: string): string {
  const unmarked = markdown
    .replace(/\*\*(.+?)\*\*/gs, "$1")
    .replace(/`(.+?)`/gs, "$1")
    .replace(/(?<!\w)_(.+?)_(?!\w)/gs, "$1");
  return unmarked.split("\n\n").map(wrapped).join("\n\n");
}

function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const line = lines[lines.length - 1];
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= LINE) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}
