import assert from "node:assert/strict";
import { DisplayError, notebookScreen, textScreen } from "../../lib/display/screen.ts";
import { showFigure } from "../../lib/display/show.ts";
import { plainView, textView } from "../../lib/display/view.ts";
import { sampleFigure } from "../figures/sample_figure.ts";
import { recordingScreen } from "./recording_screen.ts";

Deno.test("outside of a notebook there is no cell to show anything in, and the error says so", () => {
  assert.throws(
    notebookScreen,
    (error) =>
      error instanceof DisplayError &&
      /no notebook.*textScreen\(console\.log\)/.test(error.message),
  );
});

Deno.test("outside of a notebook, what is shown is printed, and progress stays off standard output", async () => {
  const mod = new URL("../../lib/mod.ts", import.meta.url);
  const program = `import { showTable, showText, valuesTable, withProgress } from "${mod}";
    await withProgress("Study", ({ onProgress }) => {
      for (const done of [1, 2]) onProgress({ done, total: 2, label: "a" });
      return Promise.resolve();
    });
    await showTable(valuesTable("Sizes", { "Rows": 32, "Scale": 0.5 }));
    await showText("**bold** text");`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--cached-only", "--ext=ts", program],
    env: { NO_COLOR: "1" },
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, error);
  assert.deepEqual([out, error], [
    "Sizes\n\nQuantity  Value\n────────  ──────\nRows      32\nScale     0.5000\nbold text\n",
    "Study: done.\n",
  ]);
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
