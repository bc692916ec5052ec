/** That `scripts/convert.ts` goes both ways, with its task's permissions. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { loadDelta } from "../../lib/delta/delta.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { oraclePath } from "../oracle.ts";
import { runTask } from "./run_script.ts";

Deno.test("convert writes a diff.pt and reads it back, and replaces its own files alone", async () => {
  await using folder = await temporaryFolder();
  const [torch, back] = ["diff.pt", "back.safetensors"].map((name) => join(folder.path, name));
  const original = oraclePath("B", "diff_orig_distilled.safetensors");
  for (const [from, to] of [[original, torch], [original, torch], [torch, back]]) {
    const { code, error, out } = await runTask("convert", ["--delta", from, "--out", to]);
    assert.equal(code, 0, error);
    assert.match(out, /^layers {6}\d+\nwhole {7}\d+ tensors\nwritten {5}/);
  }
  using expected = await openDelta(original);
  using found = await openDelta(back);
  const [a, b] = [await loadDelta(expected), await loadDelta(found)];
  assert.deepEqual(b.layers, a.layers);
  assert.deepEqual(new Map([...b.whole].sort()), new Map([...a.whole].sort()));

  await Deno.writeTextFile(torch, "somebody's own");
  const other = await runTask("convert", ["--delta", original, "--out", torch]);
  assert.equal(other.code, 2);
  assert.match(
    other.error,
    /^convert: option '--out': would replace a file that this program did not/,
  );
  const unknown = await runTask("convert", [
    "--delta",
    original,
    "--out",
    join(folder.path, "a.bin"),
  ]);
  assert.match(unknown.error, /does not say which format .* ends in \.safetensors or \.pt\n$/);
});
