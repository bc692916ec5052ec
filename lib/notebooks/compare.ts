/**
 * Whether running a notebook again changed its outputs.
 */

import { type CodeCell, hasTag, type Notebook, type Output, runnableCells } from "./notebook.ts";

/** What a comparison found. */
export interface Comparison {
  /** Sentences, one a cell whose outputs differ. */
  differences: string[];
  /** Numbers of the cells that show measured times (tag `timing`), compared by structure alone. */
  byStructure: number[];
}

/**
 * Compares the outputs of two runs of one notebook, cell by cell.
 *
 * A cell tagged `timing` shows times, which differ from run to run: of its outputs only the number,
 * the kinds and the MIME types must agree.
 *
 * @param before as stored.
 * @param after as run now, of the same cells.
 *
 * @example
 * ```ts
 * import { compareOutputs, projectPath, readNotebook } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const notebook = await readNotebook(projectPath("notebooks/code.ipynb"));
 * assert.deepEqual(compareOutputs(notebook, notebook).differences, []);
 * ```
 */
export function compareOutputs(before: Notebook, after: Notebook): Comparison {
  const differences: string[] = [];
  const byStructure: number[] = [];
  const now = runnableCells(after);
  for (const [index, cell] of runnableCells(before).entries()) {
    const number = index + 1;
    const isTiming = hasTag(cell, "timing");
    if (isTiming) byStructure.push(number);
    const difference = cellDifference(cell, now[index], isTiming);
    if (difference) differences.push(`cell [${number}]: ${difference}`);
  }
  return { differences, byStructure };
}

function cellDifference(before: CodeCell, after: CodeCell, isTiming: boolean): string | undefined {
  if (before.execution_count !== after.execution_count) {
    return `number ${before.execution_count} is now ${after.execution_count}`;
  }
  if (before.outputs.length !== after.outputs.length) {
    return `${before.outputs.length} outputs are now ${after.outputs.length}`;
  }
  for (const [index, output] of before.outputs.entries()) {
    const difference = outputDifference(output, after.outputs[index], isTiming);
    if (difference) return `output ${index + 1}: ${difference}`;
  }
}

function outputDifference(before: Output, after: Output, isTiming: boolean): string | undefined {
  const [structure, structureNow] = [structureOf(before), structureOf(after)];
  if (structure !== structureNow) return `${structure} is now ${structureNow}`;
  if (isTiming) return;
  const [parts, partsNow] = [partsOf(before), partsOf(after)];
  for (const [name, content] of Object.entries(parts)) {
    const [text, textNow] = [canonical(content), canonical(partsNow[name])];
    if (text !== textNow) return `${name} differs${firstDifference(text, textNow)}`;
  }
}

function structureOf(output: Output): string {
  if ("data" in output) return `${output.output_type} of ${Object.keys(output.data).sort()}`;
  return output.output_type === "stream" ? output.name : output.output_type;
}

function partsOf(output: Output): Record<string, unknown> {
  if ("data" in output) return { ...output.data, metadata: output.metadata };
  if (output.output_type === "stream") return { text: output.text };
  return { error: [output.ename, output.evalue, output.traceback] };
}

/** JSON with sorted keys, so that equal values have equal texts; texts as they are. */
function canonical(value: unknown): string {
  if (typeof value === "string") return value;
  return JSON.stringify(
    value,
    (_, part) =>
      typeof part === "object" && part !== null && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => a < b ? -1 : 1))
        : part,
  ) ?? "nothing";
}

function firstDifference(before: string, after: string): string {
  let at = 0;
  while (at < before.length && before[at] === after[at]) at++;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 30));
  return ` at ${at}: ${around(before)} is now ${around(after)}`;
}
