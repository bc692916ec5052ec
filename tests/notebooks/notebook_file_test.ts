/** Notebook files against what Jupyter's own nbformat writes, and broken ones. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { NotebookError } from "../../lib/notebooks/errors.ts";
import type { Notebook } from "../../lib/notebooks/notebook.ts";
import {
  formatNotebook,
  parseNotebook,
  readNotebook,
  writeNotebook,
} from "../../lib/notebooks/notebook_file.ts";

const fixture = "tests/fixtures/notebooks/written_by_jupyter.ipynb";

Deno.test("a notebook that Jupyter wrote is written again as it is, byte for byte", async () => {
  const notebook = await readNotebook(fixture);
  assert.equal(formatNotebook(notebook), await Deno.readTextFile(fixture));
  assert.deepEqual(notebook.cells.map(({ id }) => id), [
    "title",
    "raw",
    "parameters",
    "empty",
    "code",
  ]);
  assert.equal(notebook.cells[0].source, "# Title\n\n$\\alpha = 1$\n");
});

Deno.test("texts come back from a file as they went in", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 3 }), (texts) => {
    const notebook: Notebook = {
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: texts.map((text, index) => ({
        cell_type: "code",
        id: `c${index}`,
        metadata: {},
        source: text,
        execution_count: null,
        outputs: [
          { output_type: "stream", name: "stdout", text },
          {
            output_type: "display_data",
            data: { "text/plain": text, "image/png": text },
            metadata: {},
          },
        ],
      })),
    };
    assert.deepEqual(parseNotebook(formatNotebook(notebook), "a.ipynb"), notebook);
  }));
});

Deno.test("cells of a file older than ids are given stable ones", () => {
  const cell = { cell_type: "markdown", metadata: {}, source: "a" };
  const old = { nbformat: 4, nbformat_minor: 4, metadata: {}, cells: [cell, cell] };
  const { cells, nbformat_minor } = parseNotebook(JSON.stringify(old), "a.ipynb");
  assert.deepEqual(cells.map(({ id }) => id), ["cell-1", "cell-2"]);
  assert.equal(nbformat_minor, 5);
});

const code = {
  cell_type: "code",
  id: "a",
  metadata: {},
  source: "",
  outputs: [],
  execution_count: null,
};
const whole = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [code] };
const output = { output_type: "stream", name: "stdout", text: "a" };

const broken: [name: string, content: string, message: RegExp][] = [
  ["nothing", "", /^file 'a\.ipynb': is not JSON.*; expected a notebook of nbformat 4$/],
  ["half a file", '{"cells": [', /^file 'a\.ipynb': is not JSON/],
  ["a list", "[]", /is not a notebook of nbformat 4/],
  ["nbformat 3", variant({ nbformat: 3 }), /option 'nbformat': is not.*got 3; expected 4$/],
  ["no cells", variant({ cells: undefined }), /option 'cells': .*got 'nothing'; expected a value$/],
  ["cells that are no list", variant({ cells: {} }), /option 'cells': .*expected Array$/],
  ["a cell of another kind", variantCell({ cell_type: "video" }), /option 'cells\.0\.cell_type'/],
  [
    "a source that is a number",
    variantCell({ source: 1 }),
    /'cells\.0\.source': .*got 1; expected/,
  ],
  ["a code cell without outputs", variantCell({ outputs: undefined }), /'cells\.0\.outputs'/],
  [
    "an output of another kind",
    variantCell({ outputs: [{ ...output, output_type: "video" }] }),
    /'cells\.0\.outputs\.0\.output_type': .*'video'/,
  ],
  [
    "an id with a space",
    variantCell({ id: "a b" }),
    /'cells\.0\.id': .*'a b'; expected .*\{1,64\}/,
  ],
  ["an id twice", variant({ cells: [code, code] }), /two cells of one id: got 'a'; expected an id/],
];

for (const [name, content, message] of broken) {
  Deno.test(`a notebook file with ${name} is refused`, () => {
    assert.throws(() => parseNotebook(content, "a.ipynb"), (error: Error) => {
      assert.ok(error instanceof NotebookError);
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("a notebook file that is not there is refused by name", async () => {
  await assert.rejects(readNotebook("absent.ipynb"), (error: Error) => {
    assert.ok(error instanceof NotebookError);
    assert.match(error.message, /^file 'absent\.ipynb': cannot be read/);
    return true;
  });
});

Deno.test("a notebook that cannot be written leaves the old file", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/a.ipynb`;
    await Deno.mkdir(path);
    await assert.rejects(writeNotebook(path, parseNotebook(JSON.stringify(whole), path)), {
      name: "OutputError",
    });
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.ipynb"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function variant(change: object): string {
  return JSON.stringify({ ...whole, ...change });
}

function variantCell(change: object): string {
  return variant({ cells: [{ ...code, ...change }] });
}
