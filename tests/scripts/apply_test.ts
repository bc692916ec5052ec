import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { compress } from "../../lib/methods/compress.ts";
import { plainRound } from "../checkpoint/plain_floats.ts";
import { runTask } from "./run_script.ts";
import { tokenizedPair } from "./tokenized_pair.ts";

Deno.test("apply writes the model that a delta file stands for, and says how much of it is left", async () => {
  await using pair = await tokenizedPair();
  const path = join(pair.folder, "delta.safetensors");
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  const { delta } = await compress(
    onnxEngine({ threads: 1 }),
    base,
    fine,
    { method: "initial" },
    null,
  );
  await writeDelta(path, delta);
  const folder = join(pair.folder, "model");
  const given = ["--base", pair.base, "--delta", path, "--out", folder, "--dtype", "bf16"];
  const { code, out, error } = await runTask("apply", given);
  assert.equal(code, 0, error);
  using saved = await Checkpoint.open(folder);
  const model = await applyDelta(base, delta);
  let [moved, count] = [0, 0];
  for (const layer of delta.layers.keys()) {
    const tensor = `${layer}.weight`;
    assert.equal(saved.info(tensor).dtype, "BF16");
    const expected = (await model.readFloat32(tensor)).map((value) => plainRound(value, "BF16"));
    assert.deepEqual(await saved.readFloat32(tensor), expected);
    const before = await base.readFloat32(tensor);
    count += before.length;
    moved += expected.filter((value, index) => value !== before[index]).length;
  }
  const share = (100 * moved / count).toFixed(1);
  assert.ok(out.includes(`, ${share} % of its weights moved;`), out);
  assert.deepEqual(await saved.read("lm_head.weight"), await fine.read("lm_head.weight"));
  assert.equal((await saved.tokenizer()).vocabularySize, 284);

  const other = await runTask("apply", ["--base", pair.fine, ...given.slice(2), "--force"]);
  assert.equal(other.code, 1);
  assert.match(other.error, /^apply: .*was made for another base/m);
  using still = await Checkpoint.open(folder);
  assert.equal(still.info("lm_head.weight").dtype, "BF16");
});
