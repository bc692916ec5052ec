/** What `scripts/train_pairs.ts` refuses; that training works is tested below `tests/training`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { tokenizedPair } from "./tokenized_pair.ts";

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

Deno.test("train leaves weights alone that it did not make", async () => {
  await using pair = await tokenizedPair();
  const out = join(pair.folder, "checkpoints");
  await Deno.mkdir(out);
  await Deno.rename(pair.base, join(out, "llama-base"));
  const weights = join(out, "llama-base/model.safetensors");
  const before = await Deno.readFile(weights);
  const options = ["--only", "llama-base", "--out", out, "--states", join(pair.folder, "states")];
  // With the configuration only its card would be new, without it the weights.
  for (const prepare of [() => {}, () => Deno.removeSync(join(out, "llama-base/config.json"))]) {
    prepare();
    const { code, error } = await runHere("train", options);
    assert.equal(code, 2, error);
    assert.match(
      error,
      /^train: option '--out': would replace a file that .*model\.safetensors'; .* or --force\n$/,
    );
    assert.deepEqual(await Deno.readFile(weights), before);
    await assert.rejects(Deno.stat(join(out, "llama-base/card.json")), Deno.errors.NotFound);
  }
});

Deno.test("train takes the devices of all scripts", async () => {
  const { code, error } = await runHere("train", ["--device", "tpu"]);
  assert.equal(code, 2);
  assert.match(error, /'tpu' is invalid.*auto, cpu, webgpu/);
});
