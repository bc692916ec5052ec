/**
 * Holds notebooks that were run against those that were committed: every number that a cell shows in
 * words or tables must agree within two per cent, but for the times of cells tagged `timing`.
 */

import { hasTag, type Notebook, runnableCells } from "../lib/notebooks/notebook.ts";
import { readNotebook } from "../lib/notebooks/notebook_file.ts";
import { compareLines, report } from "./compare_numbers.ts";

const [committed, executed] = Deno.args;
const comparison = { compared: 0, differences: [] };
for await (const { name } of Deno.readDir(committed)) {
  if (!name.endsWith(".ipynb")) continue;
  const [shown, made] = await Promise.all(
    [committed, executed].map(async (folder) => text(await readNotebook(`${folder}/${name}`))),
  );
  compareLines(name, shown, made, comparison);
}
report(comparison, "the notebooks as committed");

/** What the cells show in words: the last rendering of each output that has one. */
function text(notebook: Notebook): string {
  const lines = runnableCells(notebook).filter((cell) => !hasTag(cell, "timing")).flatMap((cell) =>
    cell.outputs.map((output) => "data" in output ? String(output.data["text/plain"]) : "")
  );
  return lines.join("\n");
}
