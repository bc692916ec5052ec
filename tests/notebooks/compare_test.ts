/** What counts as a change of outputs. */

import assert from "node:assert/strict";
import { compareOutputs } from "../../lib/notebooks/compare.ts";
import type { CodeCell, Notebook, Output } from "../../lib/notebooks/notebook.ts";
import { notebookOf } from "./sample_notebook.ts";

const display = (data: object, metadata = {}): Output => ({
  output_type: "display_data",
  data: { ...data },
  metadata,
});
const written = (text: string, name: "stdout" | "stderr" = "stdout"): Output => ({
  output_type: "stream",
  name,
  text,
});
const result = (text: string): Output => ({
  output_type: "execute_result",
  data: { "text/plain": text },
  metadata: {},
  execution_count: 2,
});

/** A notebook whose second cell, of two, has these outputs. */
function ran(outputs: Output[], ...tags: string[]): Notebook {
  const notebook = notebookOf("first", "", ["second", ...tags]);
  for (const [index, cell] of (notebook.cells as CodeCell[]).entries()) {
    cell.execution_count = [1, null, 2][index];
  }
  (notebook.cells[2] as CodeCell).outputs = outputs;
  return notebook;
}

const plotly = "application/vnd.plotly.v1+json";
const cases: [name: string, before: Output[], after: Output[], difference: string | undefined][] = [
  ["equal outputs", [written("a"), result("1")], [written("a"), result("1")], undefined],
  ["another order of keys", [display({ [plotly]: { a: 1, b: [{ c: 1, d: 2 }] } })], [
    display({ [plotly]: { b: [{ d: 2, c: 1 }], a: 1 } }),
  ], undefined],
  [
    "another text",
    [written("abcd")],
    [written("abXd")],
    'output 1: text differs at 2: "abcd" is now "abXd"',
  ],
  ["more text", [written("a")], [written("ab")], 'output 1: text differs at 1: "a" is now "ab"'],
  ["another stream", [written("a")], [written("a", "stderr")], "output 1: stdout is now stderr"],
  ["an output more", [], [written("a")], "0 outputs are now 1"],
  ["another value in JSON", [display({ [plotly]: { y: [1, 2] } })], [
    display({ [plotly]: { y: [1, 3] } }),
  ], `output 1: ${plotly} differs at 8: "{\\"y\\":[1,2]}" is now "{\\"y\\":[1,3]}"`],
  ["a representation more", [display({ "text/plain": "a" })], [
    display({ "text/plain": "a", "image/png": "b" }),
  ], "output 1: display_data of text/plain is now display_data of image/png,text/plain"],
  [
    "another size",
    [display({}, { width: 1 })],
    [display({}, { width: 2 })],
    'output 1: metadata differs at 9: "{\\"width\\":1}" is now "{\\"width\\":2}"',
  ],
  [
    "another second output",
    [written("a"), result("1")],
    [written("a"), result("2")],
    'output 2: text/plain differs at 0: "1" is now "2"',
  ],
];

for (const [name, before, after, difference] of cases) {
  Deno.test(`compared to what is stored: ${name}`, () => {
    const { differences, byStructure } = compareOutputs(ran(before), ran(after));
    assert.deepEqual(differences, difference === undefined ? [] : [`cell [2]: ${difference}`]);
    assert.deepEqual(byStructure, []);
  });
}

Deno.test("cells that show times are compared by structure alone, and named", () => {
  const times = (text: string, value: number) =>
    ran([written(text), display({ "text/plain": text, [plotly]: { value } })], "timing");
  assert.deepEqual(compareOutputs(times("1.2 s", 1), times("1.3 s", 2)), {
    differences: [],
    byStructure: [2],
  });
  const less = ran([written("1.3 s"), display({ "text/plain": "a" })], "timing");
  assert.match(compareOutputs(times("1.2 s", 1), less).differences[0], /^cell \[2\]: output 2/);
});

Deno.test("a notebook that never ran, or not from its first cell, differs", () => {
  const stored = ran([]);
  (stored.cells[2] as CodeCell).execution_count = 7;
  assert.deepEqual(compareOutputs(stored, ran([])).differences, ["cell [2]: number 7 is now 2"]);
  const never = notebookOf("first", "", "second");
  assert.equal(compareOutputs(never, ran([])).differences.length, 2);
});
