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
  ["a source that is not there", variantCell({ source: undefined }), /'cells\.0\.source'/],
  [
    "another kernel",
    variant({ metadata: { kernelspec: { name: "python3", display_name: "Python 3" } } }),
    /^file 'a\.ipynb': is a notebook of another kernel: got 'python3'; expected .* 'deno'$/,
  ],
  [
    "another kernel of this language",
    variant({ metadata: { kernelspec: { name: "tslab", language: "typescript" } } }),
    /of another kernel: got 'tslab'/,
  ],
  [
    "another kernel of a name like Deno's",
    variant({ metadata: { kernelspec: { name: "denoise", display_name: "Python (denoising)" } } }),
    /of another kernel: got 'denoise'/,
  ],
  [
    "a kernel of another language with Deno's name",
    variant({ metadata: { kernelspec: { name: "deno", language: "python" } } }),
    /of another kernel: got 'deno'/,
  ],
  [
    "another language",
    variant({ metadata: { language_info: { name: "julia" } } }),
    /of another kernel: got 'julia'/,
  ],
  [
    "nested deeper than can be followed",
    JSON.stringify({ ...whole, metadata: "deep" }).replace(
      '"deep"',
      `{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
    ),
    /nested more than 500 deep/,
  ],
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

const kernels: object[] = [
  {},
  { kernelspec: { name: "deno" } },
  { kernelspec: { name: "deno-2", display_name: "Deno 2", language: "typescript" } },
  { kernelspec: { name: "mine", display_name: "My Deno" }, language_info: { name: "python" } },
  { kernelspec: { name: "", display_name: "" } },
  { kernelspec: null, language_info: { name: "typescript" } },
];
for (const metadata of kernels) {
  Deno.test(`a notebook that says ${JSON.stringify(metadata)} of its kernel is Deno's`, () => {
    assert.equal(parseNotebook(variant({ metadata }), "a.ipynb").cells.length, 1);
  });
}

const result = { output_type: "execute_result", data: {}, metadata: {}, execution_count: null };
/** Each field's loss or fault, and the cells as nbformat has them; checked against nbformat's own validation. */
const loose: [name: string, content: string, mended: string, cell: object][] = [
  ["no execution_count", variantCell({ execution_count: undefined }), "1 × execution_count", code],
  ["no outputs", variantCell({ outputs: undefined }), "1 × outputs", code],
  ["no metadata of a cell", variantCell({ metadata: undefined }), "1 × metadata", code],
  ["no metadata", variant({ metadata: undefined }), "1 × metadata", code],
  ["no minor version", variant({ nbformat_minor: undefined }), "1 × nbformat_minor", code],
  ["no id", variantCell({ id: undefined }), "1 × id", { ...code, id: "cell-1" }],
  ["an id with a space", variantCell({ id: "a b" }), "1 × id", { ...code, id: "a-b" }],
  ["an id that is too long", variantCell({ id: "a".repeat(65) }), "1 × id", {
    ...code,
    id: "a".repeat(56),
  }],
  ["an id that is a number", variantCell({ id: 3 }), "1 × id", { ...code, id: "cell-1" }],
  ["tags that are no list", variantCell({ metadata: { tags: "a" } }), "1 × tags", code],
  ["attachments that are none", variantCell({ attachments: null }), "1 × attachments", code],
  ["a field more", variantCell({ colour: "red" }), "1 × unknown field", code],
  [
    "a result without its number",
    variantCell({ outputs: [{ ...result, execution_count: undefined }] }),
    "1 × output",
    { ...code, outputs: [result] },
  ],
  [
    "a display without metadata",
    variantCell({ outputs: [{ output_type: "display_data", data: { "text/plain": "2" } }] }),
    "1 × output",
    {
      ...code,
      outputs: [{ output_type: "display_data", data: { "text/plain": "2" }, metadata: {} }],
    },
  ],
  [
    "an output that is none",
    variantCell({ outputs: [{ ...output, output_type: "video" }, output] }),
    "1 × output",
    { ...code, outputs: [output] },
  ],
];
for (const [name, content, mended, cell] of loose) {
  Deno.test(`a notebook file with ${name} is mended, and said to be`, () => {
    let said: string[] = [];
    const { cells, metadata, nbformat_minor } = parseNotebook(content, "a.ipynb", (fields) => {
      said = fields;
    });
    assert.deepEqual([cells, metadata, nbformat_minor], [[cell], {}, 5]);
    assert.deepEqual(said, [mended]);
  });
}

Deno.test("ids that are not unique are mended beside those that are right", () => {
  const ids = ["x", "x", "x-2", undefined, "cell-4", "é", "x"];
  const content = variant({ cells: ids.map((id) => ({ ...code, id })) });
  assert.deepEqual(
    parseNotebook(content, "a.ipynb").cells.map(({ id }) => id),
    ["x", "x-3", "x-2", "cell-4-2", "cell-4", "cell-6", "x-4"],
  );
});

Deno.test("twenty thousand cells of one id are mended", () => {
  const content = variant({ cells: Array.from({ length: 20_000 }, () => ({ ...code, id: "x" })) });
  const ids = parseNotebook(content, "a.ipynb").cells.map(({ id }) => id);
  assert.deepEqual([ids[0], ids[1], ids.at(-1)], ["x", "x-2", "x-20000"]);
});

Deno.test("a notebook file may begin with a mark of its encoding, which must be UTF-8", async () => {
  const path = await Deno.makeTempFile({ suffix: ".ipynb" });
  try {
    const text = JSON.stringify({ ...whole, cells: [{ ...code, source: '"é"' }] });
    await Deno.writeTextFile(path, "\ufeff" + text);
    assert.equal((await readNotebook(path)).cells[0].source, '"é"');
    const latin1 = Uint8Array.from(text, (character) => character.charCodeAt(0));
    await Deno.writeFile(path, latin1);
    await assert.rejects(readNotebook(path), { name: "NotebookError", message: /UTF-8/ });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("fields of a later nbformat stay", () => {
  const later = variant({ nbformat_minor: 6, cells: [{ ...code, colour: "red" }], more: 1 });
  const said: string[] = [];
  const notebook = parseNotebook(later, "a.ipynb", (fields) => said.push(...fields));
  assert.deepEqual([JSON.parse(formatNotebook(notebook)).more, said], [1, []]);
});

Deno.test("a notebook file that is not there is refused by name", async () => {
  await assert.rejects(readNotebook("absent.ipynb"), (error: Error) => {
    assert.ok(error instanceof NotebookError);
    assert.match(error.message, /^file 'absent\.ipynb': is not there/);
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
