/**
 * Runs a notebook from its first cell to its last in a kernel of its own. Reading, writing and
 * comparing notebooks are elsewhere.
 */

import type { Watch } from "../util/progress.ts";
import { CellError, KernelError } from "./errors.ts";
import { Kernel, type Reply } from "./kernel.ts";
import {
  type Cell,
  type CodeCell,
  hasTag,
  type JsonObject,
  type Notebook,
  runnableCells,
} from "./notebook.ts";
import { type CellOutputs, OutputCollector } from "./outputs.ts";
import { parseCell } from "./parse_cell.ts";

/** How a notebook is run. */
export interface RunOptions extends Watch {
  /** The kernel's working folder: the notebook's own, as in Jupyter. */
  folder: string;
  /** Names the notebook in errors and progress. */
  file: string;
  /** Seconds that one cell may take; without, any time. */
  cellSeconds?: number;
}

/**
 * Runs all cells, but those tagged `skip-execution`; one tagged `raises-exception` may throw.
 *
 * @returns a copy with the outputs of this run, nothing in it that differs from run to run of itself:
 *   cells numbered from 1, no times.
 * @throws {CellError} if a cell throws, takes too long or ends the kernel; with the copy as far as it is.
 * @throws {KernelError} if no kernel starts; the signal's reason. No kernel is left in any case.
 *
 * @example
 * ```ts
 * import { type Notebook, projectPath, runNotebook } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const notebook: Notebook = {
 *   ...{ nbformat: 4, nbformat_minor: 5, metadata: { kernelspec: { name: "deno" } } },
 *   cells: [{
 *     ...{ cell_type: "code", id: "a", metadata: {} },
 *     ...{ source: "6 * 7", execution_count: null, outputs: [] },
 *   }],
 * };
 * const folder = projectPath("notebooks");
 * const { cells } = await runNotebook(notebook, { folder, file: "a.ipynb" });
 * assert.match(JSON.stringify(cells), /42/);
 * ```
 */
export async function runNotebook(notebook: Notebook, options: RunOptions): Promise<Notebook> {
  const collector = new OutputCollector();
  const outputs = runnableCells(notebook).map((_, index) => collector.cell(index + 1));
  try {
    await runCells(notebook, outputs, options);
    return executed(notebook, outputs);
  } catch (error) {
    if (error instanceof CellError) {
      leaveTrace(outputs[error.cell.number - 1], error);
      error.executed = executed(notebook, outputs, error.cell.number);
    }
    throw error;
  }
}

async function runCells(
  notebook: Notebook,
  outputs: CellOutputs[],
  options: RunOptions,
): Promise<void> {
  const { file, onProgress, signal } = options;
  const runnable = runnableCells(notebook);
  const total = runnable.length;
  onProgress?.({ done: 0, total, label: `${file}: start of the kernel` });
  await using kernel = await Kernel.start(options.folder, signal);
  for (const [index, cell] of runnable.entries()) {
    const number = index + 1;
    onProgress?.({ done: index, total, label: `${file} [${number}]` });
    const reply = await execute(kernel, cell, number, outputs[index], options);
    if (reply.status === "error" && !hasTag(cell, "raises-exception")) {
      throw thrown(cell, number, reply, file);
    }
  }
  onProgress?.({ done: total, total, label: file });
}

/** What the kernel could not say itself: that it was too slow, or that it is gone. */
function leaveTrace(outputs: CellOutputs, { name, fault, cell }: CellError): void {
  if (outputs.outputs.some(({ output_type }) => output_type === "error")) return;
  const evalue = `${fault.problem}: ${fault.value}`;
  const traceback = [`${name}: ${evalue}`, ...cell.trace];
  outputs.receive({ type: "error", parent: "", content: { ename: name, evalue, traceback } });
}

async function execute(
  kernel: Kernel,
  cell: CodeCell,
  number: number,
  collected: CellOutputs,
  { file, cellSeconds, signal }: RunOptions,
): Promise<Reply> {
  const place = { number, source: cell.source, trace: [] };
  const limit = new AbortController();
  const timer = cellSeconds === undefined ? undefined : setTimeout(() => {
    limit.abort(
      new CellError({
        problem: `cell [${number}] did not end`,
        file,
        value: `still running after ${cellSeconds} s`,
        expected: "an end within the time limit of a cell",
      }, place),
    );
  }, cellSeconds * 1000);
  try {
    const until = signal ? AbortSignal.any([limit.signal, signal]) : limit.signal;
    return await kernel.execute(cell.source, (message) => collected.receive(message), until);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new CellError({
      ...error.fault,
      problem: `cell [${number}]: ${error.fault.problem}`,
      file,
    }, place);
  } finally {
    clearTimeout(timer);
  }
}

function thrown(cell: CodeCell, number: number, reply: Reply, file: string): CellError {
  const { ename = "Error", evalue = "", traceback = [] } = reply;
  // Of code that it cannot parse, a kernel says no more than that it failed.
  const trace = traceback.length > 0 ? traceback : syntaxFault(cell.source);
  return new CellError({
    problem: `cell [${number}] threw`,
    file,
    value: `${ename}: ${evalue}`,
    expected: "cells that run to their end",
  }, { number, source: cell.source, trace });
}

function syntaxFault(source: string): string[] {
  try {
    parseCell(source);
    return [];
  } catch (error) {
    return [`SyntaxError: ${(error as Error).message}`];
  }
}

/** A copy with new outputs; cells after the last that ran have none. */
function executed(
  notebook: Notebook,
  outputs: CellOutputs[],
  last = outputs.length,
): Notebook {
  const numbers = new Map(runnableCells(notebook).map((cell, index) => [cell, index + 1]));
  const cells = notebook.cells.map((cell): Cell => {
    const metadata = withoutTimes(cell.metadata);
    if (cell.cell_type !== "code" || hasTag(cell, "skip-execution")) return { ...cell, metadata };
    const number = numbers.get(cell);
    if (number === undefined || number > last) {
      return { ...cell, metadata, execution_count: null, outputs: [] };
    }
    return { ...cell, metadata, execution_count: number, outputs: outputs[number - 1].outputs };
  });
  return { ...notebook, cells };
}

/** JupyterLab keeps under `execution` when a cell ran. */
function withoutTimes({ execution: _, ...metadata }: JsonObject): JsonObject {
  return metadata;
}
