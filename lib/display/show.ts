/**
 * What a cell calls to show its result; outside of a notebook it is printed as text. Each waits until
 * it is shown: a cell's value, which Jupyter would show by itself, may come after the cell is done and
 * then gets lost.
 */

import { captionOf } from "../studies/activation_aware_bitdelta/captions.ts";
import type { Figure } from "../figures/figure.ts";
import type { Table } from "../tables/table.ts";
import { figureView } from "./figure_view.ts";
import { defaultScreen, type Screen } from "./screen.ts";
import { tableView } from "./table_view.ts";
import { textView, type View } from "./view.ts";

/** Shows a view of any kind. */
export async function show(view: View, screen: Screen = defaultScreen()): Promise<void> {
  await screen.show(view);
}

/**
 * Shows a figure with its caption below.
 *
 * @param caption in Markdown; {@linkcode escapeMarkdown} makes it of names and plain text
 * @throws {ReportError} if the figure cannot be drawn.
 */
export async function showFigure(
  figure: Figure,
  caption: string,
  screen: Screen = defaultScreen(),
): Promise<void> {
  const said = captionOf(figure, caption);
  await screen.show(await figureView(figure, said));
  await screen.show(textView(said));
}

/**
 * Shows a table between its title and its note.
 *
 * @throws {ReportError} if a row has more or fewer cells than there are columns.
 */
export async function showTable(table: Table, screen: Screen = defaultScreen()): Promise<void> {
  await screen.show(tableView(table));
}

/**
 * Shows text.
 *
 * @param markdown in Markdown; {@linkcode escapeMarkdown} makes it of names and plain text
 */
export async function showText(markdown: string, screen: Screen = defaultScreen()): Promise<void> {
  await screen.show(textView(markdown));
}
