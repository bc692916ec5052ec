import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { CodeCell, DisplayOutput, Notebook } from "../../lib/notebooks/notebook.ts";
import { runNotebook } from "../../lib/notebooks/run.ts";
import { sampleFigure } from "../report/sample_figure.ts";

/** The outputs of cells run in Deno's kernel, in this folder. */
async function outputsOf(...sources: string[]): Promise<DisplayOutput[][]> {
  const cells = sources.map((source, index): CodeCell => ({
    cell_type: "code",
    id: `cell-${index}`,
    metadata: {},
    source,
    execution_count: null,
    outputs: [],
  }));
  const notebook: Notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells };
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const executed = await runNotebook(notebook, { folder, file: "displays.ipynb" });
  return executed.cells.map((cell) => (cell as CodeCell).outputs as DisplayOutput[]);
}

Deno.test("in a kernel, views appear below their cell and progress ends where it began", async () => {
  const [nothing, words, progress, figure, value] = await outputsOf(
    `import { showFigure, showText, withProgress } from "../../lib/mod.ts";
     import { sampleFigure } from "../report/sample_figure.ts";`,
    `await showText("**first**"); await showText("$second$");`,
    `const made = await withProgress("Work", async ({ onProgress }) => {
       for (const done of [1, 2]) onProgress!({ done, total: 2, label: "piece" });
       await showText("between");
       return 7;
     });`,
    `await showFigure(sampleFigure(), "A caption");`,
    `await showText(String(made));`,
  );
  const texts = (outputs: DisplayOutput[]) => outputs.map(({ data }) => data["text/plain"]);
  assert.deepEqual(nothing, []);
  assert.deepEqual(texts(words), ["first", "$second$"]);
  assert.deepEqual(texts(progress), ["Work: done.", "between"]);
  assert.deepEqual(texts(value), ["7"]);
  const [picture, caption] = figure;
  assert.equal(picture.output_type, "display_data");
  assert.ok(!("text/html" in picture.data));
  const { width, height } = sampleFigure().layout;
  assert.deepEqual(picture.metadata, { "image/png": { width, height } });
  assert.equal(caption.data["text/markdown"], "A caption");
});
