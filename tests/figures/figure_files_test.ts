import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OutputError } from "../../lib/util/errors.ts";
import { exportFigure, figureFormats } from "../../lib/figures/export/figure_files.ts";
import { ReportError } from "../../lib/figures/figure.ts";
import { sampleFigure } from "./sample_figure.ts";

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const permissions = ["read", "write", "env", "ffi", "sys"].map((name) => `--allow-${name}`);

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test("a figure is the same bytes again, here and in a process of its own", () =>
  withFolder(async (folder) => {
    const [first, second, other] = ["first", "second", "other"].map((name) => join(folder, name));
    await exportFigure(sampleFigure(), first);
    await exportFigure(sampleFigure(), second);
    const script = fileURLToPath(new URL("export_in_process.ts", import.meta.url));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", ...permissions, script, other],
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    for (const format of figureFormats) {
      const bytes = await Deno.readFile(`${first}.${format}`);
      assert.deepEqual(await Deno.readFile(`${second}.${format}`), bytes, format);
      assert.deepEqual(await Deno.readFile(`${other}.${format}`), bytes, format);
    }
  }));

Deno.test("only the formats asked for are written, and named", () =>
  withFolder(async (folder) => {
    const paths = await exportFigure(sampleFigure(), join(folder, "f"), { formats: ["png"] });
    assert.deepEqual(paths, [join(folder, "f.png")]);
    assert.deepEqual(names(folder), ["f.png"]);
  }));

Deno.test("a figure that cannot be drawn leaves nothing behind", () =>
  withFolder(async (folder) => {
    const broken = { data: [{ type: "pancake" }], layout: { width: 300, height: 200 } };
    await assert.rejects(exportFigure(broken, join(folder, "f")), ReportError);
    assert.deepEqual(names(folder), []);
  }));

Deno.test("a folder that cannot be made is named", () =>
  withFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    await assert.rejects(exportFigure(sampleFigure(), join(file, "f")), (error) => {
      assert.ok(error instanceof OutputError);
      assert.ok(error.message.includes(join(file, "f.svg")));
      return true;
    });
  }));

Deno.test("an abort stops the export with its reason", () =>
  withFolder(async (folder) => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(exportFigure(sampleFigure(), join(folder, "f"), { signal }), reason);
    assert.deepEqual(names(folder), []);
  }));
