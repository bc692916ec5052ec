/**
 * Tables in a notebook: Markdown, which Jupyter, VS Code and GitHub draw as a table and a terminal can
 * read as it is. Not the HTML that a polars data frame shows of itself: it has no units, no caption,
 * every digit, and is hidden where a notebook is not trusted.
 */

import type { Table } from "../report/tables/table.ts";
import { tableToMarkdown } from "../report/tables/markdown.ts";
import { textView, type View } from "./view.ts";

/**
 * The title, the table and its note.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export function tableView(table: Table): View {
  return textView(tableToMarkdown(table));
}
