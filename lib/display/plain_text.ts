/**
 * What stands for Markdown where it is not drawn: in a terminal, and in a notebook that its reader has
 * not trusted. No marks, no escapes; tables in columns, paragraphs in lines.
 */

import { visible } from "../figures/characters.ts";
import { alignments, formatCells, noteOf, type Table } from "../tables/table.ts";

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
  const note = noteOf(table, visible);
  return [visible(table.title), ...blocks, ...note ? [wrapped(note)] : []].join("\n\n");
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

/** What `escapeMarkdown` puts for a mark that is none: a backslash before it, or its number. */
const escaped = /\\([*`|~_])|&#(\d\d);/g;

const privateUse = 0xf0000;
const aside = /[\u{f0000}-\u{f007f}]/gu;

function moved(ascii: number, direction = 1): string {
  return String.fromCodePoint(ascii + direction * privateUse);
}

/** Markdown's running text without the marks of bold, italic and code, and without escapes, in lines. */
export function plainParagraphs(markdown: string): string {
  const unmarked = markdown
    // Out of the way of marks: to characters of private use, that no text shows, and back.
    .replace(escaped, (_, mark, number) => moved(mark?.codePointAt(0) ?? Number(number)))
    .replace(/\*\*(.+?)\*\*/gs, "$1")
    .replace(/`(.+?)`/gs, "$1")
    .replace(/(?<!\w)_(.+?)_(?!\w)/gs, "$1")
    .replace(aside, (character) => moved(character.codePointAt(0)!, -1));
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
