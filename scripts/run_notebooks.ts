/**
 * Runs notebooks without a browser and without Python, each in a kernel of its own; reports, and on
 * demand writes them with their outputs or checks that their outputs are as stored.
 *
 * Exit codes: those of all scripts (`command_line.ts`); 1 also where `--check` finds a difference.
 */

import { InvalidArgumentError } from "commander";
import { basename, dirname, join } from "node:path";
import {
  CellError,
  checkOutputs,
  compareOutputs,
  type Notebook,
  NotebookError,
  OptionError,
  type Place,
  readNotebook,
  runnableCells,
  runNotebook,
  type RunOptions,
  type Watch,
  withParameters,
  writeNotebook,
} from "../lib/mod.ts";
import { runScript, script } from "./command_line.ts";
import { ownNotebooks } from "./notebook_files.ts";
import { checkReplaceable, type ForceOption, isNotebook, withForce } from "./replaceable.ts";

/** A timer of more than 2³¹ milliseconds would fire at once. */
const MOST_SECONDS = 1_000_000;

interface Options extends ForceOption {
  parameter: Map<string, string>;
  timeout?: number;
  out?: string;
  inPlace?: true;
  check?: true;
}

const command = withForce(
  script("notebooks", "Runs notebooks, each in a kernel of its own."),
)
  .argument("[notebooks...]", "notebook files; default: all of notebooks/")
  .option(
    "-p, --parameter <name=value>",
    "another value for a parameter; repeat it for others",
    assignment,
    new Map(),
  )
  .option("--timeout <seconds>", "time that one cell may take; default: any", seconds)
  .option("--out <folder>", "write executed copies there, of a run that fails with its trace")
  .option("--in-place", "write the outputs into the notebooks")
  .option("--check", "fail if outputs differ from those stored");
for (const option of command.options) {
  const others: Record<string, string[]> = { check: ["inPlace", "parameter"], inPlace: ["out"] };
  option.conflicts(others[option.attributeName()] ?? []);
}

await runScript<Options>(command, async (options, watch) => {
  const files = command.args.length > 0 ? command.args : await ownNotebooks();
  const notebooks = new Map<string, Notebook>();
  const copies = new Set<string>();
  const mended = new Map<string, string[]>();
  for (const file of files) {
    const notebook = withParameters(
      await readNotebook(file, (fields) => mended.set(file, fields)),
      options.parameter,
      file,
    );
    notebooks.set(file, notebook);
    if (!options.out) continue;
    const copy = join(options.out, basename(file));
    if (copies.has(copy)) {
      throw new OptionError({
        problem: "would hold two copies of one name",
        option: "--out",
        value: copy,
        expected: "notebooks of different names",
      });
    }
    copies.add(copy);
  }
  const read = placesOf("the list of notebooks", files);
  if (options.inPlace) await checkOutputs(placesOf("--in-place", [...notebooks.keys()]), []);
  await checkOutputs(placesOf("--out", [...copies]), read);
  for (const copy of copies) await checkReplaceable(copy, "--out", isNotebook, options);
  return await runAll(notebooks, mended, options, watch);
}, "nothing of the notebook that ran was written");

function placesOf(option: string, paths: readonly string[]): Place[] {
  return paths.map((path) => ({ option, path }));
}

async function runAll(
  notebooks: Map<string, Notebook>,
  mended: Map<string, string[]>,
  options: Options,
  { signal, onProgress }: Watch,
): Promise<string> {
  const total = [...notebooks.values()].reduce((sum, one) => sum + runnableCells(one).length, 0);
  const lines: string[] = [];
  let finished = 0;
  let changed = 0;
  for (const [file, notebook] of notebooks) {
    const start = performance.now();
    const executed = await runOrLeaveTrace(notebook, {
      file,
      folder: dirname(file),
      cellSeconds: options.timeout,
      signal,
      onProgress: ({ done, label }) => onProgress?.({ done: finished + done, total, label }),
    }, options.out);
    const cells = runnableCells(notebook).length;
    finished += cells;
    lines.push(`${file}: ${cells} cells in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    const fields = mended.get(file);
    if (fields) lines.push(`  not as nbformat has it, mended when written: ${fields.join(", ")}`);
    if (options.out) await writeNotebook(join(options.out, basename(file)), executed);
    if (options.inPlace) await writeNotebook(file, executed);
    if (!options.check) continue;
    const { differences, byStructure } = compareOutputs(notebook, executed);
    changed += differences.length;
    lines.push(...differences.map((difference) => `  changed: ${difference}`));
    if (byStructure.length > 0) {
      lines.push(`  cells compared by structure alone (measured times): [${byStructure}]`);
    }
  }
  if (changed === 0) return lines.join("\n");
  throw new NotebookError({
    problem: `outputs of ${changed} cells changed`,
    expected: "the outputs that are stored",
  }, lines);
}

/** Runs a notebook; where a cell fails, its copy is written with what came before and the trace. */
async function runOrLeaveTrace(
  notebook: Notebook,
  options: RunOptions,
  out: string | undefined,
): Promise<Notebook> {
  try {
    return await runNotebook(notebook, options);
  } catch (error) {
    if (out && error instanceof CellError && error.executed) {
      await writeNotebook(join(out, basename(options.file)), error.executed);
    }
    throw error;
  }
}

function assignment(text: string, values: Map<string, string>): Map<string, string> {
  const parts = /^([^=]+)=(.*)$/s.exec(text);
  if (!parts) throw new InvalidArgumentError("expected name=value.");
  if (values.has(parts[1])) throw new InvalidArgumentError("has a value already.");
  return new Map(values).set(parts[1], parts[2]);
}

function seconds(text: string): number {
  const number = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && number > 0 && number <= MOST_SECONDS) return number;
  throw new InvalidArgumentError(`expected a number of seconds above 0, at most ${MOST_SECONDS}.`);
}
