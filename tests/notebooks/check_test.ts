/** Types and style of notebooks' cells, told by cell and line. */

import assert from "node:assert/strict";
import { cellsModule, checkNotebooks } from "../../lib/notebooks/check.ts";
import { writeNotebook } from "../../lib/notebooks/notebook_file.ts";
import { notebookOf } from "./sample_notebook.ts";

async function check(...notebooks: ReturnType<typeof notebookOf>[]): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const files = notebooks.map((_, index) => `${folder}/n${index}.ipynb`);
    for (const [index, file] of files.entries()) await writeNotebook(file, notebooks[index]);
    const problems = await checkNotebooks(files);
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(left, notebooks.map((_, index) => `n${index}.ipynb`));
    return problems.map((problem) => problem.replaceAll(`${folder}/`, ""));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("cells are one module: names, imports and await reach from cell to cell", async () => {
  const good = notebookOf(
    ["let seed = 1;", "parameters"],
    ["seed = 2;", "injected-parameters"],
    'import { basename } from "node:path";\nconst [first] = await Promise.all([seed])',
    "",
    "[basename(`${first}`)].length",
  );
  assert.deepEqual(await check(good), []);
});

Deno.test("a file of the user's beside a notebook stays, whatever its name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const own = `${folder}/n.ipynb.ts`;
    await Deno.writeTextFile(own, "mine");
    await writeNotebook(`${folder}/n.ipynb`, notebookOf("const ok = 1;\nok;"));
    assert.deepEqual(await checkNotebooks([`${folder}/n.ipynb`]), []);
    assert.equal(await Deno.readTextFile(own), "mine");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what is wrong is told by notebook, cell and line", async () => {
  const problems = await check(
    notebookOf("const ok = 1;", "", 'const a = ok;\nconst b: number = "x";\n[a, b];'),
    notebookOf("let style = 1;\nstyle;"),
  );
  const [types, ...style] = problems;
  assert.match(types, /TS2322 .*\n.*\n.*\n\s+at n0\.ipynb, cell \[2\], line 2:7/);
  assert.equal(style.length, 1);
  assert.match(style[0], /^prefer-const: .*`style`.*\n {4}at n1\.ipynb, cell \[1\], line 1:5$/);
});

Deno.test("a cell that cannot be parsed is told by its line", async () => {
  const problems = await check(notebookOf("1;", "2;\nconst open = [1;\n"));
  assert.equal(problems.length, 1);
  assert.match(problems[0], /SyntaxError.*[^]*\s+at n0\.ipynb, cell \[2\], line 2:16$/);
});

Deno.test("a cell declared again is an error, as the one before is lost", async () => {
  const [problem] = await check(notebookOf("const a = 1;\na;", "const a = 2;\na;"));
  assert.match(problem, /Cannot redeclare.*'a'/);
});

Deno.test("a line of the module is found in its cell again", () => {
  const notebook = notebookOf("one\ntwo", " ", "three");
  const { source, locate } = cellsModule(notebook);
  for (const [index, line] of source.split("\n").entries()) {
    const place = locate(index + 1);
    if (place) assert.equal(place.cell.source.split("\n")[place.line - 1], line);
    else assert.ok(!/one|two|three/.test(line), line);
  }
});
