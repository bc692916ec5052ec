/** `scripts/run_notebooks.ts` as a program: what it writes, says, refuses, and leaves when it is ended. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { formatNotebook, readNotebook, writeNotebook } from "../../lib/notebooks/notebook_file.ts";
import type { CodeCell, Notebook } from "../../lib/notebooks/notebook.ts";
import { runHere } from "../scripts/run_here.ts";
import { interruptTask, runTask } from "../scripts/run_script.ts";
import { Lifeline } from "./lifeline.ts";
import { notebookOf } from "./sample_notebook.ts";

/** Writes notebooks into a folder of their own, runs `test` there, and removes it. */
async function withNotebooks(
  notebooks: Record<string, Notebook | string>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, notebook] of Object.entries(notebooks)) {
      const text = typeof notebook === "string" ? notebook : formatNotebook(notebook);
      await Deno.writeTextFile(`${folder}/${name}.ipynb`, text);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

const adding = notebookOf(["const a = 1;\nlet b = 2;", "parameters"], "a + b");

Deno.test("without options notebooks run and nothing is written", async () => {
  await withNotebooks({ one: adding, two: notebookOf("1") }, async (folder) => {
    const files = ["one", "two"].map((name) => `${folder}/${name}.ipynb`);
    const { code, out, error } = await runTask("notebooks", files);
    assert.equal(code, 0, error);
    assert.match(
      out,
      /^\S+\/one\.ipynb: 2 cells in [\d.]+ s\n\S+\/two\.ipynb: 1 cells in [\d.]+ s\n$/,
    );
    assert.match(error, /one\.ipynb/);
    assert.deepEqual(names(folder), ["one.ipynb", "two.ipynb"]);
    assert.equal(await Deno.readTextFile(files[0]), formatNotebook(adding));
  });
});

Deno.test("--out writes a copy that ran with other parameters", async () => {
  await withNotebooks({ one: adding }, async (folder) => {
    const args = [
      `${folder}/one.ipynb`,
      "-p",
      "a=10",
      "--parameter",
      "b=-3",
      "--out",
      `${folder}/new/out`,
    ];
    const { code, error } = await runTask("notebooks", args);
    assert.equal(code, 0, error);
    const { cells } = await readNotebook(`${folder}/new/out/one.ipynb`);
    assert.equal(cells[1].source, "const a = 10;\nb = -3;");
    assert.deepEqual((cells[2] as CodeCell).outputs, [{
      output_type: "execute_result",
      data: { "text/plain": "7" },
      metadata: {},
      execution_count: 3,
    }]);
    assert.equal(await Deno.readTextFile(`${folder}/one.ipynb`), formatNotebook(adding));
  });
});

Deno.test("--in-place writes the outputs, twice the same; --check then agrees", async () => {
  const notebook = notebookOf('console.log("a"); 1', ["performance.now()", "timing"]);
  await withNotebooks({ one: notebook }, async (folder) => {
    const file = `${folder}/one.ipynb`;
    const unrun = await runTask("notebooks", [file, "--check"]);
    assert.equal(unrun.code, 1);
    assert.match(
      unrun.error,
      /outputs of 2 cells changed; [^]*changed: cell \[1\]: number null is now 1/,
    );
    assert.equal(await Deno.readTextFile(file), formatNotebook(notebook));

    assert.equal((await runTask("notebooks", [file, "--in-place"])).code, 0);
    const checked = await runTask("notebooks", [file, "--check"]);
    assert.equal(checked.code, 0, checked.error);
    assert.match(
      checked.out,
      /\n {2}cells compared by structure alone \(measured times\): \[2\]\n$/,
    );
    const first = await readNotebook(file);
    assert.equal((await runTask("notebooks", [file, "--in-place"])).code, 0);
    const second = await readNotebook(file);
    assert.deepEqual(second.cells[0], first.cells[0]);

    await writeNotebook(file, {
      ...first,
      cells: first.cells.with(0, { ...first.cells[0], source: 'console.log("b"); 1' }),
    });
    const changed = await runTask("notebooks", [file, "--check"]);
    assert.equal(changed.code, 1);
    assert.match(
      changed.error,
      /changed: cell \[1\]: output 1: text differs at 0: "a\\n" is now "b\\n"/,
    );
  });
});

Deno.test("a cell that throws fails the program with its number, source and trace; --in-place writes nothing", async () => {
  const throwing = notebookOf("1", 'throw new TypeError("bad");');
  await withNotebooks({ one: throwing, two: adding }, async (folder) => {
    const files = ["one", "two"].map((name) => `${folder}/${name}.ipynb`);
    const { code, out, error } = await runTask("notebooks", [...files, "--in-place"]);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(
      error,
      /notebooks: file '\S+one\.ipynb': cell \[2\] threw: got 'TypeError: bad'; .*\n {2}\| throw .*;\nTypeError: bad\n\s+at /,
    );
    assert.deepEqual(names(folder), ["one.ipynb", "two.ipynb"]);
    assert.equal(await Deno.readTextFile(files[0]), formatNotebook(throwing));
  });
});

const failing: [name: string, source: string, words: string[], ename: string, evalue: RegExp][] = [
  ["throws", 'console.log("last"); throw new TypeError("bad");', ["last\n"], "TypeError", /^bad$/],
  [
    "does not end",
    'console.log("last"); while (true);',
    ["last\n"],
    "CellError",
    /cell \[2\] did not end/,
  ],
  ["ends its kernel", "Deno.exit(3);", [], "CellError", /exit code 3/],
];

for (const [name, source, words, ename, evalue] of failing) {
  Deno.test(`--out leaves a notebook of which a cell ${name} as far as it ran, with the trace`, async () => {
    const notebook = notebookOf('"first"', source, '"never"');
    (notebook.cells[2] as CodeCell).execution_count = 7;
    await withNotebooks({ one: notebook }, async (folder) => {
      const args = [`${folder}/one.ipynb`, "--timeout", "3", "--out", `${folder}/out`];
      const { code, error } = await runTask("notebooks", args);
      assert.equal(code, 1, error);
      const { cells } = await readNotebook(`${folder}/out/one.ipynb`);
      const [first, failed, never] = cells as CodeCell[];
      assert.deepEqual(cells.map((cell) => (cell as CodeCell).execution_count), [1, 2, null]);
      assert.equal(first.outputs[0].output_type, "execute_result");
      assert.deepEqual(never.outputs, []);
      const trace = failed.outputs.at(-1)!;
      assert.deepEqual(
        failed.outputs.flatMap((output) => "text" in output ? [output.text] : []),
        words,
      );
      assert.ok(trace.output_type === "error" && trace.traceback.length > 0);
      assert.equal(trace.ename, ename);
      assert.match(trace.evalue, evalue);
    });
  });
}

Deno.test("cells may throw, or be left out, where their tags say so", async () => {
  const kept = notebookOf("1", ["throw new Error('late');", "raises-exception"], [
    "Deno.exit(1)",
    "skip-execution",
  ], "2");
  await withNotebooks({ one: kept }, async (folder) => {
    const { code, error } = await runTask("notebooks", [`${folder}/one.ipynb`, "--in-place"]);
    assert.equal(code, 0, error);
    const { cells } = await readNotebook(`${folder}/one.ipynb`);
    assert.deepEqual(
      (cells as CodeCell[]).map(({ execution_count, outputs }) => [
        execution_count,
        ...outputs.map(({ output_type }) => output_type),
      ]),
      [[1, "execute_result"], [2, "error"], [null], [3, "execute_result"]],
    );
  });
});

Deno.test("what Jupyter runs is run, mended when written, and that is said once", async () => {
  const cell = { cell_type: "code", id: "a b", source: "1" };
  const loose = JSON.stringify({ nbformat: 4, nbformat_minor: 5, cells: [cell, cell] });
  await withNotebooks({ one: loose }, async (folder) => {
    const args = [`${folder}/one.ipynb`, "--out", `${folder}/out`];
    const { code, out, error } = await runTask("notebooks", args);
    assert.equal(code, 0, error);
    assert.equal(
      out.split("\n")[1],
      "  not as nbformat has it, mended when written: 3 × metadata, 2 × execution_count, " +
        "2 × outputs, 2 × id",
    );
    const again = await runTask("notebooks", [`${folder}/out/one.ipynb`]);
    assert.doesNotMatch(again.out, /mended/);
    assert.equal(await Deno.readTextFile(`${folder}/one.ipynb`), loose);
  });
});

const refused: [name: string, args: string[], code: number, message: RegExp][] = [
  ["a file that is no notebook", ["broken.ipynb"], 1, /broken\.ipynb': is not JSON/],
  ["a file that is not there", ["absent.ipynb"], 1, /absent\.ipynb': is not there/],
  [
    "a cell without end",
    ["endless.ipynb", "--timeout", "0.5"],
    1,
    /cell \[1\] did not end: .*0\.5 s/,
  ],
  ["a kernel that dies", ["dying.ipynb"], 1, /cell \[1\]: the kernel ended before/],
  ["an unknown parameter", ["good.ipynb", "-p", "c=1"], 2, /got 'c'; expected one of a, b$/m],
  ["a parameter without a value", ["good.ipynb", "-p", "c"], 2, /expected name=value/],
  ["a parameter twice", ["good.ipynb", "-p", "a=1", "-p", "a=2"], 2, /has a value already/],
  ["a time limit of nothing", ["good.ipynb", "--timeout", "0"], 2, /a number of seconds above 0/],
  [
    "two ends for the outputs",
    ["good.ipynb", "--out", "o", "--in-place"],
    2,
    /cannot be used with/,
  ],
  ["a check that writes", ["good.ipynb", "--check", "--in-place"], 2, /cannot be used with/],
  ["a check of other values", ["good.ipynb", "--check", "-p", "a=1"], 2, /cannot be used with/],
  [
    "copies over each other",
    ["good.ipynb", "./good.ipynb", "--out", "o"],
    2,
    /two copies of one name/,
  ],
  ["a folder that is a file", ["good.ipynb", "--out", "broken.ipynb"], 1, /cannot be written/],
];

for (const [name, args, expected, message] of refused) {
  Deno.test(`refused, with nothing written: ${name}`, async () => {
    const notebooks = {
      good: adding,
      broken: "{",
      endless: notebookOf("while (true);"),
      dying: notebookOf("Deno.exit(0);"),
    };
    await withNotebooks(notebooks, async (folder) => {
      const placed = args.map((arg) => /\.ipynb$|^o$/.test(arg) ? `${folder}/${arg}` : arg);
      const { code, out, error } = await runHere("notebooks", placed);
      assert.deepEqual([code, out], [expected, ""], error);
      assert.match(error, message);
      assert.deepEqual(names(folder), Object.keys(notebooks).map((name) => `${name}.ipynb`).sort());
    });
  });
}

Deno.test("Ctrl-C while the kernel starts ends the program", async () => {
  await withNotebooks({ one: notebookOf("while (true);") }, async (folder) => {
    const { code, error } = await interruptTask("notebooks", [`${folder}/one.ipynb`, "--in-place"]);
    assert.equal(code, 130);
    assert.match(error, /notebooks: stopped; nothing of the notebook that ran was written\n$/);
  });
});

const signals: [signal: Deno.Signal, code: number][] = Deno.build.os === "windows"
  ? [["SIGINT", 130], ["SIGKILL", 1]]
  : [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129], ["SIGKILL", 137]];

for (const [signal, expected] of signals) {
  Deno.test(`no kernel outlives a program that ${signal} ends in a cell without end`, async () => {
    using line = new Lifeline();
    const notebook = notebookOf(line.source, "while (true);");
    await withNotebooks({ one: notebook }, async (folder) => {
      const file = `${folder}/one.ipynb`;
      const program = new Deno.Command(Deno.execPath(), {
        args: [...project.tasks.notebooks.split(" ").slice(1), file, "--in-place"],
        cwd: fileURLToPath(new URL("../../", import.meta.url)),
        stdout: "null",
        stderr: "null",
      }).spawn();
      await line.held();
      program.kill(signal);
      assert.equal((await program.status).code, expected);
      await line.dropped();
      assert.deepEqual(names(folder), ["one.ipynb"]);
      assert.equal(await Deno.readTextFile(file), formatNotebook(notebook));
    });
  });
}
