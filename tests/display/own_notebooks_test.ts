/** What every notebook of this project keeps to; that their outputs are as stored is CI's to check. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { Kernel } from "../../lib/notebooks/kernel.ts";
import { type CodeCell, hasTag, runnableCells } from "../../lib/notebooks/notebook.ts";
import { readNotebook } from "../../lib/notebooks/notebook_file.ts";
import { OutputCollector } from "../../lib/notebooks/outputs.ts";
import { readParameters, withParameters } from "../../lib/notebooks/parameters.ts";

const folder = new URL("../../notebooks/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith(".ipynb")).sort();

/** Lines of a cell at most: longer steps belong in `lib/`. */
const LONGEST = 17;
/** Bytes of a notebook at most, pictures included. */
const LARGEST = 1_000_000;

Deno.test("there is a notebook for each figure and table, for a delta, a pair of one's own, beyond the study, and of serving", () => {
  assert.deepEqual(names, [
    "anatomy_of_a_delta.ipynb",
    "beyond_the_study.ipynb",
    "calibration_size_and_shift.ipynb",
    "code.ipynb",
    "finance.ipynb",
    "health.ipynb",
    "model_pairs.ipynb",
    "serving.ipynb",
    "wall_clock.ipynb",
    "where_bits_go.ipynb",
    "wikitext.ipynb",
    "your_own_pair.ipynb",
  ]);
});

for (const name of names) {
  const read = () => readNotebook(fileURLToPath(new URL(name, folder)));

  Deno.test(`${name}: begins with its parameters, device and seed among them`, async () => {
    const notebook = await read();
    assert.equal(notebook.cells[0].cell_type, "markdown");
    assert.ok(hasTag(runnableCells(notebook)[0], "parameters"));
    const parameters = new Map(readParameters(notebook, name).map((each) => [each.name, each]));
    assert.equal(parameters.get("device")?.literal, "auto");
    assert.equal(parameters.get("seed")?.literal, 1);
  });

  Deno.test(`${name}: cells are short and take all they use from the public face`, async () => {
    for (const { id, source } of runnableCells(await read())) {
      assert.ok(source.split("\n").length <= LONGEST, id);
      for (const [, from] of source.matchAll(/from "([^"]+)"/g)) {
        assert.ok(["../lib/mod.ts", "nodejs-polars"].includes(from), `${id}: ${from}`);
      }
    }
  });

  Deno.test(`${name}: no cell closes what another may use again`, async () => {
    for (const { id, source } of runnableCells(await read())) {
      assert.doesNotMatch(source, /\.close\(|\[Symbol\.(async)?[dD]ispose\]|^(await )?using /m, id);
    }
  });

  Deno.test(`${name}: cells are formatted as files are`, async () => {
    const cells = runnableCells(await read()).map(({ source }) => source);
    const text = cells.join("\n\n") + "\n";
    assert.equal(await formatted(text), text);
  });

  Deno.test(`${name}: was run to its end, and shows no HTML, streams, values or errors`, async () => {
    const cells: CodeCell[] = runnableCells(await read());
    assert.deepEqual(cells.map((cell) => cell.execution_count), cells.map((_, at) => at + 1));
    const outputs = cells.flatMap((cell) => cell.outputs);
    assert.ok(outputs.length > 0);
    for (const output of outputs) {
      assert.equal(output.output_type, "display_data");
      assert.ok("data" in output && !("text/html" in output.data));
    }
  });

  Deno.test(`${name}: is no larger than a megabyte and holds no path of a machine`, async () => {
    const text = await Deno.readTextFile(new URL(name, folder));
    assert.ok(text.length < LARGEST, `${text.length} characters`);
    assert.doesNotMatch(text, /"\/(home|root|work|Users|tmp)\//);
  });

  Deno.test(`${name}: only cells that show times say what they were taken on`, async () => {
    const untimed = runnableCells(await read()).filter((cell) => !hasTag(cell, "timing"));
    assert.doesNotMatch(JSON.stringify(untimed), /onnxruntime-node \d|\d+ threads/);
  });
}

Deno.test("your_own_pair.ipynb: Run All, another parameter, a cell again", async () => {
  const out = await Deno.makeTempDir();
  await using kernel = await Kernel.start(fileURLToPath(folder));
  try {
    const own = await readNotebook(fileURLToPath(new URL("your_own_pair.ipynb", folder)));
    const set = (most: string, rows: number) => {
      const method = JSON.stringify({ method: "activation-aware", settings: { rows } });
      const places = [["out", `${out}/own.safetensors`]] as const;
      return withParameters(own, new Map([["most", most], ["method", method], ...places]), "own");
    };
    const shown = async ({ source }: CodeCell) => {
      const collected = new OutputCollector().cell(1);
      const { status } = await kernel.execute(source, (message) => collected.receive(message));
      assert.equal(status, "ok", JSON.stringify(collected.outputs));
      return JSON.stringify(collected.outputs);
    };
    const cells = runnableCells(set("700", 32));
    const first = new Map<string, string>();
    for (const cell of cells) first.set(cell.id, await shown(cell));
    const [again, others] = [new Map<string, string>(), runnableCells(set("600", 64))];
    for (const id of ["injected-parameters", "calibrate", "score", "score-table", "save"]) {
      again.set(id, await shown(others.find((cell) => cell.id === id)!));
    }
    // As many layers and bytes, scored on fewer tokens with other scales.
    assert.equal(again.get("calibrate")!.replaceAll("rows 64", "rows 32"), first.get("calibrate"));
    assert.match(first.get("score-table")!, /Scores on 'health', 384 tokens/);
    assert.match(again.get("score-table")!, /Scores on 'health', 256 tokens/);
    assert.notEqual(again.get("save"), first.get("save"));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

/** `deno fmt --check` calls no notebook with a cell in it formatted, so it leaves them out here. */
async function formatted(code: string): Promise<string> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", "ts", "-"],
    cwd: fileURLToPath(folder),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  return new TextDecoder().decode((await process.output()).stdout);
}
