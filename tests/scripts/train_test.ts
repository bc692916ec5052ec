/** What `scripts/train_pairs.ts` refuses; that training works is tested below `tests/training`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runTask } from "./run_script.ts";

Deno.test("train names the checkpoints that there are", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "checkpoints");
  const { code, error } = await runTask("train", ["--only", "llama-basis", "--out", out]);
  assert.equal(code, 2);
  assert.match(
    error,
    /option '--only': names no checkpoint: got 'llama-basis'; expected llama-base/,
  );
  await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
});

Deno.test("train takes the devices of all scripts", async () => {
  const { code, error } = await runTask("train", ["--device", "tpu"]);
  assert.equal(code, 2);
  assert.match(error, /'tpu' is invalid.*auto, cpu, webgpu/);
});
