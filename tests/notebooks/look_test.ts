/** Pictures of notebooks in Jupyter Notebook, where it and a browser are installed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import project from "../../deno.json" with { type: "json" };
import { formatNotebook } from "../../lib/notebooks/notebook_file.ts";
import { findBrowser } from "../../scripts/look/find_browser.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runTask } from "../scripts/run_script.ts";
import { notebookOf } from "./sample_notebook.ts";

const HEIGHT = 500;
const drawing =
  `Deno.jupyter.svg\`<svg xmlns="http://www.w3.org/2000/svg" width="100" height="${HEIGHT}">
  <rect width="100" height="${HEIGHT}"/>
</svg>\``;

const absent = await findBrowser().catch(() => null) === null || !await hasNotebook();

Deno.test({
  name: "a notebook is run in Jupyter Notebook and pictured whole (needs both and a Chromium)",
  ignore: absent,
  fn: async () => {
    const parent = await Deno.makeTempDir();
    try {
      const folder = join(parent, "notebooks");
      await Deno.mkdir(folder);
      const file = join(folder, "drawing.ipynb");
      const text = formatNotebook(notebookOf("1 + 1", drawing));
      await Deno.writeTextFile(file, text);
      const height = async () => {
        const [width, height] = pngSize(await Deno.readFile(join(parent, "drawing-1.png")));
        assert.equal(width, 1200);
        return height;
      };
      const unrun = await runTask("look", [file, "--out", parent, "--no-run"]);
      assert.equal(unrun.code, 0, unrun.error);
      assert.equal(unrun.out, `${file}: 1 pictures in ${parent}\n`);
      const before = await height();
      // One that throws, after one that does not.
      const bad = join(folder, "throwing.ipynb");
      await Deno.writeTextFile(bad, formatNotebook(notebookOf('throw new Error("bad");')));
      const { code, error } = await runTask("look", [file, bad, "--out", parent]);
      assert.equal(code, 1);
      assert.match(error, /throwing\.ipynb': threw in Jupyter: got 'Error: bad/);
      assert.ok(await height() - before >= HEIGHT);
      assert.equal(await Deno.readTextFile(file), text);
      const left = [...Deno.readDirSync(parent)].map(({ name }) => name).sort();
      assert.deepEqual(left, ["drawing-1.png", "notebooks"]);
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  },
});

Deno.test("a Chromium goes by any of its names", async () => {
  await using folder = await temporaryFolder();
  const refused = /finds no browser: got 'a PATH without chromium,/;
  await assert.rejects(findBrowser(folder.path), refused);
  const placed = join(folder.path, "google-chrome");
  await Deno.writeTextFile(placed, "");
  assert.equal(await findBrowser(`/nowhere:${folder.path}`), placed);
});

Deno.test("without a browser, or a notebook that can be read, nothing is looked at", async () => {
  const empty = await Deno.makeTempDir();
  try {
    const { code, error } = await look([], empty);
    assert.equal(code, 2);
    assert.match(error, /^look: .*finds no browser/m);
    const unreadable = await look([join(empty, "absent.ipynb")], empty);
    assert.equal(unreadable.code, 1);
    assert.match(unreadable.error, /absent\.ipynb': is not there/);
  } finally {
    await Deno.remove(empty, { recursive: true });
  }
});

Deno.test({
  name: "a browser that ends before it listens is said to have ended",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      const browser = join(folder, "chromium");
      await Deno.writeTextFile(browser, "#!/bin/sh\nexit 7\n", { mode: 0o755 });
      const { code, error } = await look(["--out", join(folder, "pictures")], folder);
      assert.equal(code, 1);
      assert.match(
        error,
        /^look: file '.*chromium': does not start: got 'it ended with code 7'; .*\n$/,
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Runs the script with programs of one folder alone. */
async function look(args: string[], PATH: string) {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...project.tasks.look.split(" ").slice(1), ...args],
    cwd: fileURLToPath(new URL("../../", import.meta.url)),
    env: { NO_COLOR: "1", PATH },
  }).output();
  return { code, error: new TextDecoder().decode(stderr) };
}

async function hasNotebook(): Promise<boolean> {
  const version = new Deno.Command("jupyter", { args: ["notebook", "--version"], stderr: "null" });
  try {
    const { stdout } = await version.output();
    return new TextDecoder().decode(stdout).startsWith("6.");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Width and height from a PNG's first chunk. */
function pngSize(png: Uint8Array): [width: number, height: number] {
  const view = new DataView(png.buffer, png.byteOffset);
  assert.equal(view.getUint32(12), 0x49484452);
  return [view.getUint32(16), view.getUint32(20)];
}
