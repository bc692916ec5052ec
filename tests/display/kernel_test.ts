import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Kernel } from "../../lib/notebooks/kernel.ts";
import type { Message } from "../../lib/notebooks/messages.ts";
import type { CodeCell, DisplayOutput, Notebook } from "../../lib/notebooks/notebook.ts";
import { runNotebook } from "../../lib/notebooks/run.ts";
import { sampleFigure } from "../figures/sample_figure.ts";

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
     import { sampleFigure } from "../figures/sample_figure.ts";`,
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

Deno.test("an interrupt stops a calibration with one line, and the kernel keeps its state", async () => {
  await using kernel = await Kernel.start(fileURLToPath(new URL(".", import.meta.url)));
  const run = async (source: string) => {
    const messages: Message[] = [];
    const { status } = await kernel.execute(source, (message) => messages.push(message));
    const texts = messages.flatMap(({ type, content }) =>
      type === "error"
        ? content.traceback as string[]
        // An interrupt of the cell before may be heard only now.
        : type === "stream" && !/^\[nothing to interrupt/.test(String(content.text))
        ? [content.text as string]
        : []
    );
    return { status, texts };
  };
  const calibration = (steps: number, onProgress: string) =>
    `const { delta } = await withProgress("Calibration", (watch) =>
      pair.compress(
        { method: "distilled", settings: { steps: ${steps}, batch: 1 } },
        texts,
        { ...watch, onProgress(report) { watch.onProgress(report); ${onProgress} } },
      ));`;
  const started = await run(
    `import { embeddedTexts, Pair, projectPath, withProgress } from "../../lib/mod.ts";
     const folders = ["base", "code"].map((name) => projectPath("data/checkpoints/llama-" + name));
     const pair = await Pair.open(...folders);
     const texts = await embeddedTexts.calibration(1);`,
  );
  assert.deepEqual(started, { status: "ok", texts: [] });
  // After each step; the system may be late to tell, and there are steps enough until it does.
  const interrupt = 'Deno.kill(Deno.pid, "SIGINT");';
  const stopped = await run(calibration(1000, interrupt));
  assert.deepEqual(stopped, {
    status: "error",
    texts: ["Interruption: Calibration: stopped by an interrupt"],
  });
  // An impatient one comes when there is nothing to stop any more.
  await run(`${interrupt} ${interrupt}`);
  assert.deepEqual(await run(calibration(3, "")), { status: "ok", texts: [] });
  const { texts } = await run("console.log(delta.layers.size > 0, pair.fine.name);");
  assert.deepEqual(texts, ["true llama-code\n"]);
});

Deno.test("an interrupt where nothing can be stopped says so at once, and ends no kernel", async () => {
  await using kernel = await Kernel.start(fileURLToPath(new URL(".", import.meta.url)));
  const first = 'import { showText } from "../../lib/mod.ts"; await showText("first");';
  assert.equal((await kernel.execute(first, () => {})).status, "ok");
  let times = 0;
  const [told, reason] = [new AbortController(), new Error("told")];
  const receive = ({ content }: Message) => {
    if (/^\[nothing to interrupt: /.test(String(content.text)) && ++times === 2) told.abort(reason);
  };
  const long =
    'setInterval(() => Deno.kill(Deno.pid, "SIGINT"), 10); await new Promise((end) => setTimeout(end, 1e9));';
  await assert.rejects(kernel.execute(long, receive, told.signal), reason);
});
