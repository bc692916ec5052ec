/**
 * Pictures of notebooks as a person sees them: opened in Jupyter Notebook, in a Chromium without a
 * window, run there from the first cell to the last. Needs both installed; changes no notebook.
 */

import { basename, join } from "node:path";
import { checkOutputs, readNotebook, writeFileAtomic } from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { BrowserPage } from "./look/browser_page.ts";
import { findBrowser } from "./look/find_browser.ts";
import { lookAt } from "./look/look_at.ts";
import { ownNotebooks } from "./notebook_files.ts";

interface Options {
  out: string;
  run: boolean;
}

const command = script("look", "Takes pictures of notebooks in Jupyter Notebook.")
  .argument("[notebooks...]", "notebook files; default: all of notebooks/")
  .option("--out <folder>", "where the pictures go", "results/notebooks")
  .option("--no-run", "show the outputs that are stored");

await runScript<Options>(command, async ({ out, run }, watch) => {
  const files = command.args.length > 0 ? command.args : await ownNotebooks();
  for (const file of files) await readNotebook(file);
  await checkOutputs(
    [{ option: "--out", path: out, kind: "folder" }],
    files.map((path) => ({ option: "the list of notebooks", path })),
  );
  await using page = await BrowserPage.open(await findBrowser());
  const lines: string[] = [];
  for (const [done, file] of files.entries()) {
    watch.onProgress?.({ done, total: files.length, label: file });
    const pictures = await lookAt(page, file, run, watch.signal);
    const name = basename(file, ".ipynb");
    for (const [index, picture] of pictures.entries()) {
      await writeFileAtomic(join(out, `${name}-${index + 1}.png`), picture);
    }
    lines.push(`${file}: ${pictures.length} pictures in ${out}`);
  }
  return lines.join("\n");
}, "the pictures taken so far are kept");
