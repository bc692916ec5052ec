import assert from "node:assert/strict";
import { join } from "node:path";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import { temporaryFolder, TINY_CONFIG, tinySource } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";

Deno.test("lora writes an adapter and says its ranks, replaces its own, and refuses a pair that is none", async () => {
  await using folder = await temporaryFolder();
  const [base, fine, full, out] = ["base", "fine", "full", "lora"]
    .map((name) => join(folder.path, name));
  const options = { dtype: "F32" } as const;
  await saveCheckpoint(base, tinySource(TINY_CONFIG, 1), options);
  const changed = "model.layers.1.mlp.up_proj.weight";
  // Of rank 1: 40 rows of 12.
  const outer = tinySource(TINY_CONFIG, 1, (tensor, values) => {
    if (tensor !== changed) return;
    values.forEach((_, index) => values[index] += (1 + index % 12) * (index / 12 >> 0) / 64);
  });
  await saveCheckpoint(fine, outer, options);
  await saveCheckpoint(full, tinySource(TINY_CONFIG, 2), options);
  const args = ["--base", base, "--fine", fine, "--out", out];
  for (const more of [[], ["--max-rank", "1"]]) {
    const { code, out: summary, error } = await runTask("lora", [...args, ...more]);
    assert.equal(code, 0, error);
    assert.match(summary, /^model\.layers\.1\.mlp\.up_proj +rank {3}1, \S+ of ‖Δ‖ left; rounding/);
    assert.equal(summary.trim().split("\n").length, 2);
  }
  const before = await Deno.readFile(join(out, "adapter_model.safetensors"));
  const refused = await runHere("lora", ["--base", base, "--fine", full, "--out", out]);
  assert.equal(refused.code, 1);
  assert.match(refused.error, /^lora: .*which a LoRA adapter cannot hold/m);
  assert.deepEqual(await Deno.readFile(join(out, "adapter_model.safetensors")), before);
  const wrong = await runHere("lora", [...args, "--tolerance", "1"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.error, /option '--tolerance': is no share: got '1'/);
});
