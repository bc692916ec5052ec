/** Tables as Markdown (GitHub's), for a README or a terminal. */

import { markdownTable } from "markdown-table";
import { visible } from "../figures/characters.ts";
import { alignments, formatCells, isBest, noteOf, type Table } from "./table.ts";

/**
 * The title in bold, the table, and its note; all texts show as they are, whatever is in them.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 *
 * @example
 * ```ts
 * import { tableToMarkdown } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const table = { title: "Sizes", columns: [{ name: "Of" }, { name: "Norm" }], rows: [["a", 3]] };
 * const lines = tableToMarkdown(table).split("\n");
 * assert.equal(lines[0], "**Sizes**");
 * assert.equal(lines[4], "| a  |    3 |");
 * ```
 */
export function tableToMarkdown(table: Table): string {
  const header = table.columns.map(({ name }) => name);
  const cells = formatCells(table).map((row, index) =>
    row.map((cell, column) => isBest(table.rows[index][column]) ? bold(cell) : escapeMarkdown(cell))
  );
  const lines = [header.map(escapeMarkdown), ...cells];
  const title = `**${escapeMarkdown(table.title).trim()}**`;
  const parts = [title, markdownTable(lines, { align: alignments(table) })];
  const note = noteOf(table, visible);
  if (note) parts.push(escapeMarkdown(note));
  return parts.join("\n\n") + "\n";
}

/** A number in bold, its interval not. */
function bold(cell: string): string {
  return cell.replace(/^\S+/, "**$&**");
}

/**
 * What would be read as Markdown, as HTML, or as formulas (by Jupyter and GitHub). Backslashes and what
 * stands between brackets by entities, for Jupyter reads `\[` as the beginning of a formula.
 */
const marks: readonly [RegExp, (mark: string) => string][] = [
  [/&(?=#?\w+;)|[\\<$]|\](?=[[(:])|:(?=[\w+-]+:)/g, entity],
  [/[*`|~]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, (mark) => `\\${mark}`],
];

function entity(mark: string): string {
  return `&#${mark.codePointAt(0)};`;
}

/**
 * Any text as Markdown shows it, on one line: what would be read as marks, HTML or formulas is escaped, and
 * numbers stand for characters that cannot be seen.
 *
 * @example
 * ```ts
 * import { escapeMarkdown } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.equal(escapeMarkdown("a_b*c"), "a_b\\*c");
 * ```
 */
export function escapeMarkdown(text: string): string {
  return marks.reduce((all, [what, escaped]) => all.replace(what, escaped), visible(text));
}
