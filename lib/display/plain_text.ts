/**
 * What stands for Markdown where it is not drawn: in a terminal, and in a notebook that its reader has
 * not trusted. No marks, no escapes; tables in columns, paragraphs in lines.
 */

import { visible } from "../report/characters.ts";
import { alignments, formatCells, type Table } from "../report/tables/table.ts";

/** Characters of a line of running text, and of a table's at most. */
const LINE = 90;
const PAGE = 115;
/** What stands between two columns. */
const GAP = "  ";

/**
 * A table in columns, between its title and its note. A table wider than a page goes on below itself,
 * its first columns of text repeated.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function plainTable(table: Table): string {
  const cells = [table.columns.map(({ name }) => visible(name)), ...formatCells(table)];
  const sides = alignments(table);
  const columns = sides.map((side, column) => {
    const texts = cells.map((row) => row[column]);
    const width = Math.max(...texts.map((text) => text.length));
    const pad = (text: string) => side === "r" ? text.padStart(width) : text.padEnd(width);
    const [header, ...rows] = texts.map(pad);
    return [header, "─".repeat(width), ...rows];
  });
  const blocks = pages(columns, sides.findIndex((side) => side === "r")).map((block) =>
    block[0].map((_, line) => block.map((column) => column[line]).join(GAP).trimEnd()).join("\n")
  );
  const note = table.note ? [wrapped(visible(table.note))] : [];
  return [visible(table.title), ...blocks, ...note].join("\n\n");
}

/** Columns in groups that a page is wide enough for, each with the first `keys` columns. */
function pages(columns: readonly string[][], keys: number): string[][][] {
  const widthOf = (group: readonly string[][]) =>
    group.reduce((sum, [header]) => sum + header.length + GAP.length, 0);
  const first = columns.slice(0, Math.max(keys, 0));
  const groups = [[...first]];
  for (const column of columns.slice(first.length)) {
    const last = groups[groups.length - 1];
    const fits = last.length === first.length || widthOf([...last, column]) <= PAGE;
    if (fits) last.push(column);
    else groups.push([...first, column]);
  }
  return groups;
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
