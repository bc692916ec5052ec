/** Notebooks run in a kernel: every output kept, every fault told, no kernel left. */

import assert from "node:assert/strict";
import { CellError } from "../../lib/notebooks/errors.ts";
import type { CodeCell, Notebook } from "../../lib/notebooks/notebook.ts";
import { runNotebook } from "../../lib/notebooks/run.ts";
import type { Progress } from "../../lib/util/progress.ts";
import { Lifeline } from "./lifeline.ts";
import { notebookOf } from "./sample_notebook.ts";

const options = { file: "a.ipynb", folder: "tests/notebooks" };

function outputsOf(notebook: Notebook): CodeCell["outputs"][] {
  return notebook.cells.map((cell) => (cell as CodeCell).outputs);
}

async function fault(notebook: Notebook, more = {}): Promise<CellError> {
  let fault: unknown;
  await assert.rejects(runNotebook(notebook, { ...options, ...more }), (error) => {
    fault = error;
    return true;
  });
  assert.ok(fault instanceof CellError, String(fault));
  return fault;
}

Deno.test("no output of 200 cells is lost, whatever way it comes", async () => {
  const ways: [source: (index: number) => string, texts: (index: number) => string[]][] = [
    [(i) => `${i}`, (i) => [`${i}`]],
    [(i) => `console.log("out ${i}"); ${i}`, (i) => [`out ${i}\n`, `${i}`]],
    [
      (i) => `console.log("out ${i}"); console.error("err ${i}"); undefined`,
      (i) => [`out ${i}\n`, `err ${i}\n`],
    ],
    [
      (i) => `await Deno.jupyter.display({ "text/plain": "shown ${i}" }, { raw: true }); undefined`,
      (i) => [`shown ${i}`],
    ],
  ];
  const cells = Array.from({ length: 200 }, (_, index) => ways[index % 4][0](index));
  const executed = await runNotebook(notebookOf(...cells), options);
  const texts = outputsOf(executed).map((outputs) =>
    outputs.map((output) =>
      "text" in output ? output.text : "data" in output && output.data["text/plain"]
    )
  );
  assert.deepEqual(texts, cells.map((_, index) => ways[index % 4][1](index)));
  assert.deepEqual(
    executed.cells.map((cell) => (cell as CodeCell).execution_count),
    cells.map((_, index) => index + 1),
  );
});

Deno.test("long outputs arrive whole, in the cell that wrote them", async () => {
  const numbers = Array.from({ length: 100_000 }, (_, index) => index);
  const executed = await runNotebook(
    notebookOf(
      "console.log(JSON.stringify(Array.from({ length: 100_000 }, (_, index) => index)));",
      'for (let row = 0; row < 20_000; row++) console.log("row", row);',
      'for (let row = 0; row < 500; row++) console.log("a\\rb"); console.error("é".repeat(100_000));',
      'console.group("in a group"); console.log = () => {}; 4',
      "5",
    ),
    options,
  );
  const [long, many, returns, replaced, last] = outputsOf(executed);
  assert.deepEqual(long.map((output) => "text" in output && output.text), [
    JSON.stringify(numbers) + "\n",
  ]);
  assert.deepEqual(many.map((output) => "text" in output && output.text), [
    numbers.slice(0, 20_000).map((row) => `row ${row}\n`).join(""),
  ]);
  assert.deepEqual(returns.map((output) => "text" in output && output.text), [
    "b\n".repeat(500),
    "é".repeat(100_000) + "\n",
  ]);
  assert.deepEqual(replaced.map(({ output_type }) => output_type), ["stream", "execute_result"]);
  assert.deepEqual(last.map(({ output_type }) => output_type), ["execute_result"]);
});

Deno.test("what a cell does to its kernel's means shows in no output", async () => {
  const executed = await runNotebook(
    notebookOf(
      "Deno.jupyter.broadcast = () => { throw new Error('no'); }; undefined",
      "const Deno = 1; console.error = console.log = () => {}; undefined",
      "console.info(1); undefined",
      "const globalThis = 1; undefined",
    ),
    options,
  );
  assert.deepEqual(outputsOf(executed).map((outputs) => outputs.map((each) => each.output_type)), [
    [],
    [],
    ["stream"],
    [],
  ]);
});

Deno.test("a notebook runs as in Jupyter, and its copy carries nothing of the run itself", async () => {
  const notebook = notebookOf(
    "const seed: number = 1;",
    "",
    "const seed = 2; // a kernel lets a name be declared again",
    `import { basename } from "node:path";
    import { hasTag } from "../../lib/notebooks/notebook.ts";
    [seed, basename(Deno.cwd()), typeof hasTag]`,
    `await Deno.jupyter.display({ "text/plain": "0 %" }, { raw: true, display_id: "bar" });
    await Deno.jupyter.display({ "text/plain": "100 %" }, { raw: true, display_id: "bar", update: true });
    undefined`,
  );
  notebook.cells[0].metadata = { execution: { "iopub.status.idle": "2026-01-01" }, tags: ["a"] };
  (notebook.cells[1] as CodeCell).execution_count = 9;
  const reports: Progress[] = [];
  const run = () =>
    runNotebook(notebook, { ...options, onProgress: (report) => reports.push(report) });
  const executed = await run();
  assert.deepEqual(outputsOf(executed), [[], [], [], [{
    output_type: "execute_result",
    data: { "text/plain": '[ 2, "notebooks", "function" ]' },
    metadata: {},
    execution_count: 3,
  }], [{ output_type: "display_data", data: { "text/plain": "100 %" }, metadata: {} }]]);
  assert.deepEqual(executed.cells[0].metadata, { tags: ["a"] });
  assert.deepEqual(
    executed.cells.map((cell) => (cell as CodeCell).execution_count),
    [1, null, 2, 3, 4],
  );
  assert.deepEqual(reports.map(({ done, total }) => [done, total]), [
    [0, 4],
    [0, 4],
    [1, 4],
    [2, 4],
    [3, 4],
    [4, 4],
  ]);
  assert.deepEqual(await run(), executed);
});

Deno.test("a cell that throws stops the run: its number, source and trace", async () => {
  using line = new Lifeline();
  const source = 'function f() {\n  throw new TypeError("bad");\n}\nf();';
  const error = await Promise.all([
    fault(notebookOf("", line.source, source, "throw new Error('later');")),
    line.held(),
  ]).then(([error]) => error);
  assert.deepEqual([error.cell.number, error.cell.source], [2, source]);
  assert.match(error.cell.trace.join("\n"), /^TypeError: bad\n\s+at f /);
  assert.match(error.message, /^file 'a\.ipynb': cell \[2\] threw: got 'TypeError: bad'; expected/);
  assert.match(error.message, /\n {2}\| {3}throw new TypeError\("bad"\);\n[^]*\n\s+at f /);
  await line.dropped();
});

Deno.test("a cell that cannot be parsed stops the run", async () => {
  const error = await fault(notebookOf("1", "const = 1;"));
  assert.match(error.message, /^file 'a\.ipynb': cell \[2\] threw: .*\n {2}\| const = 1;\n/);
  const frame = "  |\n1 | const = 1;\n  |       ~";
  assert.ok(error.message.endsWith(`\n${frame}`), error.message);
  assert.match(error.message, /\nSyntaxError: Unexpected token `=`/);
});

Deno.test("a message shows a line of what a cell throws", async () => {
  const { message } = await fault(notebookOf("throw new Error('x'.repeat(1_000_000));"));
  assert.ok(message.length < 5000, `${message.length} characters`);
});

const endless: [name: string, source: string][] = [
  ["spins", "while (true);"],
  ["waits", "await new Promise(() => {});"],
  ["writes short lines", "while (true) console.log(1);"],
  ["writes long lines", 'while (true) console.log("x".repeat(100_000));'],
  ["shows", 'while (true) await Deno.jupyter.display({ "text/plain": "x" }, { raw: true });'],
];
for (const [name, source] of endless) {
  Deno.test(`a cell that ${name} for ever is ended at its time limit, and its kernel`, async () => {
    using line = new Lifeline();
    const run = fault(notebookOf(line.source, source), { cellSeconds: 1 });
    await line.held();
    const error = await run;
    assert.equal(error.cell.number, 2);
    assert.match(error.message, /cell \[2\] did not end: got 'still running after 1 s'; expected/);
    await line.dropped();
  });
}

Deno.test("what goes on writing after its cell keeps no run from its end", async () => {
  const [, second] = outputsOf(
    await runNotebook(notebookOf("setInterval(() => console.log(1), 1); undefined", "2"), options),
  );
  assert.ok(second.some((output) => output.output_type === "execute_result"));
});

Deno.test("a kernel that dies is told with the cell that it died in", async () => {
  const error = await fault(notebookOf("1", "Deno.exit(3);"));
  assert.equal(error.cell.number, 2);
  assert.match(
    error.message,
    /cell \[2\]: the kernel ended before .*: got 'exit code 3'; expected/,
  );
  const crashed = await fault(notebookOf('Deno.kill(Deno.pid, "SIGKILL");'));
  assert.match(crashed.message, /cell \[1\]: the kernel ended .*'exit code 137'/);
});

Deno.test("a signal stops a run where it is, and ends the kernel", async () => {
  using line = new Lifeline();
  const controller = new AbortController();
  const reason = new Error("enough");
  const run = assert.rejects(
    runNotebook(notebookOf(line.source, "while (true);"), {
      ...options,
      signal: controller.signal,
    }),
    reason,
  );
  await line.held();
  controller.abort(reason);
  await run;
  await line.dropped();
  await assert.rejects(
    runNotebook(notebookOf("1"), { ...options, signal: AbortSignal.abort(reason) }),
    reason,
  );
});

Deno.test("a run that is stopped while its kernel starts ends with the reason alone", async () => {
  const reason = new Error("enough");
  for (const delay of [0, 1, 20, 100, 300]) {
    const controller = new AbortController();
    const onProgress = () => void setTimeout(() => controller.abort(reason), delay);
    const run = runNotebook(notebookOf("while (true);"), {
      ...options,
      onProgress,
      signal: controller.signal,
    });
    await assert.rejects(run, reason);
  }
});

Deno.test("what a cell started ends with its kernel", async () => {
  using line = new Lifeline();
  const child = `new Deno.Command(Deno.execPath(), { args: ["eval", ${
    JSON.stringify(`${line.source} await new Promise(() => setInterval(() => {}, 1000));`)
  }], stdout: "null", stderr: "null" }).spawn(); undefined`;
  const controller = new AbortController();
  const reason = new Error("enough");
  const run = assert.rejects(
    runNotebook(notebookOf(child, "while (true);"), { ...options, signal: controller.signal }),
    reason,
  );
  await line.held();
  controller.abort(reason);
  await run;
  await line.dropped();
});
