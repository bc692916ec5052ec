import assert from "node:assert/strict";
import { join } from "node:path";
import pl from "nodejs-polars";
import { calibrationSizeFigure } from "../../lib/studies/activation_aware_bitdelta/figures/calibration_size.ts";
import { type Provenance, writeFigure } from "../../lib/studies/report_files.ts";
import { sampleFigure } from "../figures/sample_figure.ts";
import {
  sampleCalibrationRows,
  samplePublishedRows,
} from "./activation_aware_bitdelta/sample_rows.ts";

const provenance: Provenance = {
  protocol: { windows: { scored: 128, context: 256 }, sizes: [32, 64] },
  hashes: { base: "ab", fine: "cd" },
  versions: { "onnxruntime-node": "1.30.0" },
  engine: "onnxruntime-node, cpu",
  device: { device: "cpu", chosen: "asked for", facts: { threads: 2 } },
  seeds: [1, 2, 3],
  machine: "x86_64 linux, 2 cores",
};

Deno.test("a figure is written with its rows and its provenance, the same each time", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const measured = sampleCalibrationRows();
    const published = samplePublishedRows();
    const figure = calibrationSizeFigure("code", measured, published);
    const caption = "Perplexity of a_b: 5 % below";
    const rows = [...measured, ...published].map((row) => ({ source: "somewhere", ...row }));
    const write = (name: string) =>
      writeFigure(join(folder, name), { name: "figure2", figure, caption, rows }, provenance);
    const paths = await write("first");
    assert.deepEqual(
      paths,
      ["svg", "png", "pdf", "tex", "csv", "json"].map((kind) =>
        join(folder, "first", `figure2.${kind}`)
      ),
    );
    const again = await write("second");
    for (const [index, path] of paths.entries()) {
      assert.deepEqual(await Deno.readFile(again[index]), await Deno.readFile(path));
    }

    assert.equal(
      await Deno.readTextFile(paths[3]),
      "\\caption{Perplexity of a\\_b: 5 \\% below}\n\\label{fig:figure2}\n",
    );

    assert.deepEqual(pl.readCSV(paths[4]).toRecords(), rows);

    const json = await Deno.readTextFile(paths[5]);
    assert.deepEqual(JSON.parse(json), provenance);
    const names = ["device", "engine", "hashes", "machine", "protocol", "seeds", "versions"];
    assert.deepEqual(Object.keys(JSON.parse(json)), names);
    assert.ok(json.indexOf('"context"') < json.indexOf('"scored"'));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a figure that is ended while it is drawn is known by its provenance", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const signal = AbortSignal.abort(new Error("ended"));
    const of = { name: "figure2", figure: sampleFigure(), caption: "Perplexity", rows: [] };
    await assert.rejects(writeFigure(folder, of, provenance, { signal }), /ended/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["figure2.json"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
