import assert from "node:assert/strict";
import { DisplayError } from "../../lib/display/display_error.ts";
import { notebookScreen, textScreen } from "../../lib/display/screen.ts";
import { show, showFigure, showTable, showText } from "../../lib/display/show.ts";
import { valuesTable } from "../../lib/display/values_table.ts";
import { plainView, textView } from "../../lib/display/view.ts";
import { sampleFigure } from "../report/sample_figure.ts";
import { recordingScreen } from "./recording_screen.ts";

Deno.test("outside of a notebook nothing can be shown without a screen, and the error says so", async () => {
  const refused = (error: unknown) =>
    error instanceof DisplayError && /no notebook.*textScreen\(console\.log\)/.test(error.message);
  assert.throws(notebookScreen, refused);
  await assert.rejects(showText("words"), refused);
  await assert.rejects(show(plainView("words")), refused);
  await assert.rejects(showTable(valuesTable("", {})), refused);
  await assert.rejects(showFigure(sampleFigure(), "words"), refused);
});

Deno.test("a screen of text is given each view's text; of one that changes, the last state", async () => {
  const lines: string[] = [];
  const screen = textScreen((text) => lines.push(text));
  await screen.show(textView("$x$ is **large**"));
  const view = await screen.open(plainView("0 of 2"));
  await view.update(plainView("1 of 2"));
  await view.close(plainView("done"));
  assert.deepEqual(lines, ["$x$ is large", "done"]);
});

Deno.test("a figure is shown with its caption below, in Markdown", async () => {
  const screen = recordingScreen();
  await showFigure(sampleFigure(), "**Figure.** Of $x$.", screen);
  const [figure, caption] = screen.shown;
  assert.ok("image/svg+xml" in figure.data);
  assert.deepEqual(caption, textView("**Figure.** Of $x$."));
  assert.equal(screen.shown.length, 2);
});
