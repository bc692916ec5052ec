/**
 * Tables in a notebook: Markdown, which Jupyter, VS Code and GitHub draw as a table, and columns of
 * text for a terminal. Not the HTML that a polars data frame shows of itself: it has no units, no
 * caption, every digit, and is hidden where a notebook is not trusted.
 */

import type { Table } from "../tables/table.ts";
import { tableToMarkdown } from "../tables/markdown.ts";
import { plainTable } from "./plain_text.ts";
import type { View } from "./view.ts";

/**
 * The title, the table and its note.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableView(table: Table): View {
  const markdown = tableToMarkdown(table).replace(interval, withoutBreak);
  return { data: { "text/markdown": markdown, "text/plain": plainTable(table) }, metadata: {} };
}

/** Where a page is narrow a cell may break before its interval, but not within. */
const interval = /\[[−\d.]+, [−\d.]+\]/g;
const withoutBreak = (text: string) => text.replace(" ", "\u00a0");
