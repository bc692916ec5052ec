/**
 * What a notebook shows: one thing in several representations, of which each reader takes the best
 * that it knows. Figures are made in `figure_view.ts`; where a view is shown, `screen.ts` says.
 *
 * No view has `text/html`. A notebook that its reader has not trusted may not show it, and it would
 * win over the picture or table beside it.
 */

import { tableToMarkdown } from "../tables/markdown.ts";
import type { Table } from "../tables/table.ts";
import { plainParagraphs, plainTable } from "./plain_text.ts";

/** Representations of one thing by MIME type, as Jupyter's display messages have them. */
export interface View {
  /** `text/plain` is always there; binary representations are base64, JSON ones are objects. */
  readonly data: { readonly "text/plain": string; readonly [mimeType: string]: unknown };
  /** By MIME type: the size at which a picture is to be shown. */
  readonly metadata: { readonly [mimeType: string]: unknown };
}

/**
 * Text with Markdown's marks and LaTeX between dollar signs; as plain text without the marks.
 *
 * @example
 * ```ts
 * import { textView } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { data } = textView("The **mask**");
 * assert.deepEqual(data, { "text/markdown": "The **mask**", "text/plain": "The mask" });
 * ```
 */
export function textView(markdown: string): View {
  return {
    data: { "text/markdown": markdown, "text/plain": plainParagraphs(markdown) },
    metadata: {},
  };
}

/**
 * A table between its title and its note: Markdown, which Jupyter, VS Code and GitHub draw as a table,
 * and columns of text for a terminal.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 *
 * @example
 * ```ts
 * import { tableView, valuesTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const { data } = tableView(valuesTable("Sizes", { "Layers": 4 }));
 * assert.equal(
 *   data["text/plain"],
 *   "Sizes\n\nQuantity  Value\n────────  ─────\nLayers    4",
 * );
 * ```
 */
export function tableView(table: Table): View {
  const markdown = tableToMarkdown(table).replace(interval, withoutBreak);
  return { data: { "text/markdown": markdown, "text/plain": plainTable(table) }, metadata: {} };
}

/** Where a page is narrow a cell may break before its interval, but not within. */
const interval = /\[[−\d.]+, [−\d.]+\]/g;
const withoutBreak = (text: string) => text.replace(" ", "\u00a0");

/**
 * Text as it stands, in letters of one width.
 *
 * @example
 * ```ts
 * import { plainView } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(plainView("+·+").data, { "text/plain": "+·+" });
 * ```
 */
export function plainView(text: string): View {
  return { data: { "text/plain": text }, metadata: {} };
}
