/**
 * What a cell calls to show its result; outside of a notebook it is printed as text. Each waits until
 * it is shown: a cell's value, which Jupyter would show by itself, may come after the cell is done and
 * then gets lost.
 */

import { captionOf } from "../figures/figure.ts";
import type { Figure } from "../figures/figure.ts";
import type { Table } from "../tables/table.ts";
import { figureView } from "./figure_view.ts";
import { defaultScreen, type Screen } from "./screen.ts";
import { tableView, textView, type View } from "./view.ts";

/**
 * Shows a view of any kind.
 *
 * @example
 * ```ts
 * import { plainView, show, textScreen } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await show(plainView("+·+"), textScreen((text) => assert.equal(text, "+·+")));
 * ```
 */
export async function show(view: View, screen: Screen = defaultScreen()): Promise<void> {
  await screen.show(view);
}

/**
 * Shows a figure with its caption below.
 *
 * @param caption in Markdown; {@linkcode escapeMarkdown} makes it of names and plain text
 * @throws {ReportError} if the figure cannot be drawn.
 *
 * @example
 * ```ts
 * import { seriesFigure, showFigure, textScreen } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const rows = [{ series: "loss", x: 1, y: 2 }, { series: "loss", x: 2, y: 1 }];
 * const said: string[] = [];
 * await showFigure(
 *   seriesFigure(rows, { xTitle: "Step", yTitle: "Loss" }),
 *   "The loss falls.",
 *   textScreen((text) => said.push(text)),
 * );
 * assert.match(said[0], /^The loss falls\.\n\n\[figure of 1 series: loss\]$/);
 * ```
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
 *
 * @example
 * ```ts
 * import { showTable, textScreen, valuesTable } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const screen = textScreen((text) => assert.match(text, /^Sizes\n\nQuantity +Value\n/));
 * await showTable(valuesTable("Sizes", { "Layers": 4 }), screen);
 * ```
 */
export async function showTable(table: Table, screen: Screen = defaultScreen()): Promise<void> {
  await screen.show(tableView(table));
}

/**
 * Shows text.
 *
 * @param markdown in Markdown; {@linkcode escapeMarkdown} makes it of names and plain text
 *
 * @example
 * ```ts
 * import { showText, textScreen } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * await showText("One **bit**.", textScreen((text) => assert.equal(text, "One bit.")));
 * ```
 */
export async function showText(markdown: string, screen: Screen = defaultScreen()): Promise<void> {
  await screen.show(textView(markdown));
}
