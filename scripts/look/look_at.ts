/** Opens a notebook in Jupyter Notebook, runs it there, and takes pictures of all of it. */

import { basename, dirname, join, resolve } from "node:path";
import { NotebookError } from "../../lib/mod.ts";
import type { BrowserPage } from "./browser_page.ts";
import { NotebookServer } from "./notebook_server.ts";

/** Width of a page, in CSS pixels. */
const WIDTH = 1200;
/** Height of one picture; a notebook is as many as it takes. */
const HEIGHT = 1600;
/** Milliseconds that a notebook may take to open, and a run. */
const OPEN_LIMIT = 60_000;
const RUN_LIMIT = 300_000;
/** Questions to a page, some tenths of a second, after which nothing more is to come. */
const QUIET_QUESTIONS = 8;

/**
 * Pictures of a notebook from top to bottom, as PNG.
 *
 * @param run whether to run it there first, instead of showing the outputs that are stored.
 * @throws {NotebookError} if it does not open, or a cell throws or does not end.
 * @throws {OptionError} if there is no Jupyter Notebook; the signal's reason.
 */
export async function lookAt(
  page: BrowserPage,
  file: string,
  run: boolean,
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  // A copy beside the notebook's folder: Jupyter saves what it shows, and imports go up one folder.
  const folder = await Deno.makeTempDir({ dir: dirname(dirname(resolve(file))), prefix: ".look-" });
  try {
    await Deno.copyFile(file, join(folder, basename(file)));
    await using server = await NotebookServer.open(folder, signal);
    await page.resize(WIDTH, HEIGHT);
    await page.goTo(server.address(basename(file)));
    await page.until(opened, within(OPEN_LIMIT, file, "did not open", signal));
    if (run) {
      await page.evaluate("Jupyter.notebook.execute_all_cells()");
      const limit = within(RUN_LIMIT, file, "did not end", signal);
      await page.until(finished, limit);
      await page.until(quiet, limit);
      await refuseErrors(page, file);
    }
    return await pictures(page);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The notebook is shown, its kernel is there, its formulas are set. */
const opened = `Jupyter.notebook._fully_loaded && Jupyter.notebook.kernel.is_connected() &&
  MathJax.Hub.queue.pending === 0`;

/** Every cell that was to run has. */
const finished = `Jupyter.notebook.get_cells().every(
  (cell) => cell.cell_type !== "code" || cell.get_text().trim() === "" || /^\\d+$/.test(cell.input_prompt_number)
) && !Jupyter.notebook.kernel_busy && [...document.images].every((image) => image.complete)`;

/**
 * All outputs have been the same for a number of questions in a row: a kernel may publish what a cell shows
 * or throws after saying that it is idle.
 */
const quiet = `(() => {
  const shown = Array.from(document.querySelectorAll(".output"), (each) => each.innerHTML).join();
  const last = window.lookedAt;
  const count = last?.shown === shown ? last.count + 1 : 0;
  window.lookedAt = { shown, count };
  return count >= ${QUIET_QUESTIONS} && ${finished};
})()`;

async function refuseErrors(page: BrowserPage, file: string): Promise<void> {
  const error = await page.evaluate(
    `document.querySelector(".output_error")?.innerText ?? "none"`,
  );
  if (error === "none") return;
  throw new NotebookError({
    problem: "threw in Jupyter",
    file,
    value: error,
    expected: "cells that run to their end",
  });
}

async function pictures(page: BrowserPage): Promise<Uint8Array[]> {
  const height = Number(await page.evaluate(bottom));
  await page.resize(WIDTH, height);
  const taken: Uint8Array[] = [];
  for (let y = 0; y < height; y += HEIGHT) {
    taken.push(await page.picture(y, WIDTH, Math.min(HEIGHT, height - y)));
  }
  return taken;
}

/** Where the notebook ends, seen from its top. */
const bottom = `document.getElementById("site").scrollTop = 0,
  Math.ceil(document.getElementById("notebook-container").getBoundingClientRect().bottom) + 20`;

function within(
  milliseconds: number,
  file: string,
  problem: string,
  signal?: AbortSignal,
): AbortSignal {
  const limit = new AbortController();
  const error = new NotebookError({
    problem: `${problem} in Jupyter`,
    file,
    value: `nothing for ${milliseconds / 1000} s`,
    expected: "Jupyter Notebook 6 and a notebook that runs in it",
  });
  Deno.unrefTimer(setTimeout(() => limit.abort(error), milliseconds));
  return signal ? AbortSignal.any([limit.signal, signal]) : limit.signal;
}
