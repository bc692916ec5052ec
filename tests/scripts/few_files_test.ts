/**
 * Scripts where a process may have few files open: they do their work, or say what they lack.
 * `reproduce` and `figures` are in their own test, which would else run them once more.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { notebookOf } from "../notebooks/sample_notebook.ts";
import { formatNotebook, readNotebook } from "../../lib/notebooks/notebook_file.ts";
import { runTaskWithFewFiles } from "./run_script.ts";
import { inFolder, tokenizedPair } from "./tokenized_pair.ts";

Deno.test("compress and evaluate work with 64 open files", async () => {
  await using pair = await tokenizedPair();
  const { base, fine, rows } = pair;
  const delta = inFolder(pair, "delta.safetensors");
  const both = ["--base", base, "--fine", fine, "--device", "cpu"];
  const compressed = await runTaskWithFewFiles("compress", [
    ...[...both, "--method", "activation-aware", "--text", rows, "--rows", "40"],
    ...["--out", delta],
  ]);
  assert.equal(compressed.code, 0, compressed.error);
  const evaluated = await runTaskWithFewFiles("evaluate", [
    ...[...both, "--delta", delta, "--text", "finance", "--context", "64", "--window", "32"],
    ...["--limit", "2"],
  ]);
  assert.equal(evaluated.code, 0, evaluated.error);
});

Deno.test("compare works with 64 open files", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "comparison");
  const { code, error } = await runTaskWithFewFiles("compare", [
    ...["--base", pair.base, "--fine", pair.fine, "--device", "cpu", "--methods", "initial"],
    ...["--text", pair.rows, "--context", "64", "--window", "32", "--out", out],
  ]);
  assert.equal(code, 0, error);
  assert.ok((await Deno.stat(join(out, "figure-comparison.pdf"))).size > 0);
});

Deno.test("notebooks run, and a kernel is installed, with 64 open files", async () => {
  await using pair = await tokenizedPair();
  const book = join(pair.folder, "book.ipynb");
  await Deno.writeTextFile(book, formatNotebook(notebookOf("6 * 7")));
  const out = inFolder(pair, "run");
  const run = await runTaskWithFewFiles("notebooks", [book, "--out", out]);
  assert.equal(run.code, 0, run.error);
  assert.match(formatNotebook(await readNotebook(join(out, "book.ipynb"))), /42/);
  const data = inFolder(pair, "jupyter");
  const kernel = await runTaskWithFewFiles("kernel", [], { JUPYTER_DATA_DIR: data });
  assert.equal(kernel.code, 0, kernel.error);
  assert.ok((await Deno.stat(join(data, "kernels/deno/kernel.json"))).isFile);
});

Deno.test("a checkpoint of more shards than files may be open is read as one of a single file", async () => {
  await using pair = await tokenizedPair();
  const evaluate = () =>
    runTaskWithFewFiles("evaluate", [
      ...["--base", pair.base, "--device", "cpu", "--text", "finance", "--context", "64"],
      ...["--window", "32", "--limit", "2"],
    ]);
  const whole = await evaluate();
  const weights = join(pair.base, "model.safetensors");
  const map: Record<string, string> = {};
  const shardOf = (index: number) => `model-${index}.safetensors`;
  {
    using file = await SafetensorsFile.open(weights);
    for (const [index, name] of [...file.tensors.keys()].entries()) {
      map[name] = shardOf(index);
      const tensor = await file.read(name);
      await writeSafetensors(join(pair.base, map[name]), [{ name, ...tensor }]);
    }
  }
  // As many again, of tensors that nothing asks for.
  for (let index = 100; index < 180; index++) {
    const tensor = {
      name: `unused.${index}`,
      dtype: "U8" as const,
      shape: [1],
      bytes: new Uint8Array(1),
    };
    map[tensor.name] = shardOf(index);
    await writeSafetensors(join(pair.base, shardOf(index)), [tensor]);
  }
  await Deno.remove(weights);
  await Deno.writeTextFile(
    join(pair.base, "model.safetensors.index.json"),
    JSON.stringify({ metadata: {}, weight_map: map }),
  );
  const { code, out, error } = await evaluate();
  assert.deepEqual([whole.code, code], [0, 0], error);
  assert.match(out, /Perplexity/);
  assert.equal(out, whole.out);
});
