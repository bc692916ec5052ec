/** That `scripts/shapes.ts` makes pairs, and leaves alone what it did not make. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { tokenizedPair } from "./tokenized_pair.ts";

Deno.test("shapes makes a pair like a checkpoint, and again in its place", async () => {
  await using pair = await tokenizedPair();
  const out = join(pair.folder, "made");
  const options = ["--like", pair.base, "--layers", "1", "--out", out];
  const first = await runTask("shapes", options);
  assert.equal(first.code, 0, first.error);
  assert.match(
    first.out,
    /^base +.*made\/base\nfine-tune .*\nlayers +1\nsize +2 × \d+\.?\d* kB, in 1 files/,
  );
  const again = await runHere("shapes", [...options, "--dtype", "f16", "--seed", "4"]);
  assert.equal(again.code, 0, again.error);
  using model = await Checkpoint.open(join(out, "fine"));
  assert.equal(model.config.layerCount, 1);
  assert.equal(model.info("model.norm.weight").dtype, "F16");
});

Deno.test("shapes leaves weights alone that it did not make, unless it is forced to", async () => {
  await using pair = await tokenizedPair();
  const weights = join(pair.folder, "base/model.safetensors");
  const options = ["--like", join(pair.fine, "config.json"), "--out", pair.folder];
  const before = await Deno.readFile(weights);
  const refused = await runHere("shapes", options);
  assert.equal(refused.code, 2);
  // What the configuration is read from is not written over, even by force.
  assert.match(
    refused.error,
    /^shapes: option '--out': is a folder that holds what --like reads/,
  );
  const copy = join(pair.folder, "config.json");
  await Deno.copyFile(join(pair.fine, "config.json"), copy);
  const like = ["--like", copy, "--out", pair.folder];
  const { code, error } = await runHere("shapes", like);
  assert.equal(code, 2);
  assert.match(
    error,
    /^shapes: option '--out': would replace a file that .*config\.json'; .* or --force\n$/,
  );
  assert.deepEqual(await Deno.readFile(weights), before);
  const forced = await runHere("shapes", [...like, "--force"]);
  assert.equal(forced.code, 0, forced.error);
  using file = await SafetensorsFile.open(weights);
  assert.equal(file.metadata.made_by, "scripts/shapes.ts");
});

Deno.test("shapes names the configurations and types that there are", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "made");
  const cases = [
    [["--like", "gpt-2", "--out", out], /'gpt-2'; expected llama-2-7b, .*config\.json/],
    [["--like", "llama-2-7b", "--dtype", "f64", "--out", out], /'f64' is invalid.*bf16, f16, f32/],
    [["--like", "llama-2-7b", "--layers", "0", "--out", out], /'0' is invalid.*from 1/],
  ] as const;
  for (const [args, says] of cases) {
    const { code, error } = await runHere("shapes", args);
    assert.equal(code, 2, error);
    assert.match(error, says);
  }
  await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
});
