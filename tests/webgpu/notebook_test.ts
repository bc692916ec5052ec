/** The GPU engine in a cell of Deno's Jupyter kernel. */

import assert from "node:assert/strict";
import type { CodeCell } from "../../lib/notebooks/notebook.ts";
import { runNotebook } from "../../lib/notebooks/run.ts";
import { notebookOf } from "../notebooks/sample_notebook.ts";
import { gpuTest } from "./gpu.ts";

gpuTest("a cell runs a graph on the GPU", async ({ name }) => {
  const notebook = notebookOf(
    `import { openEngine } from "../../lib/mod.ts";
    import { input } from "../../lib/graph/graph.ts";
    import { matmul } from "../../lib/graph/ops/matrix.ts";
    const engine = await openEngine({ device: "webgpu" });`,
    `const x = input("x", [2, 2]);
    const program = await engine.compile({ square: matmul(x, x) });
    const { square } = await program.run({ x: Float32Array.of(1, 2, 3, 4) });
    console.log(engine.name, ...square);`,
  );
  const executed = await runNotebook(notebook, { file: "a.ipynb", folder: "tests/webgpu" });
  const [output] = (executed.cells[1] as CodeCell).outputs;
  assert.ok("text" in output);
  assert.equal(output.text, `${name} 7 10 15 22\n`);
});
